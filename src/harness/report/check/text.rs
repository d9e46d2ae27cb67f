//! A check as text of 80 columns.

use super::super::{
    super::check::{Checked, Checkup, Exchange, PROBES, Probe, Verdict},
    ink::Ink,
    paragraph::{cut, wrapped},
};
use std::fmt::Write as _;

/// Where what is said of a probe begins: behind the verdict and the longest name.
pub(in super::super) const MARGIN: &str = "                   ";

/// How much of an exchange is shown, in columns.
const SHOWN: usize = 48;

/// The table of the probes: what each does, and the rung that is the first to pass.
pub fn probes_text() -> String {
    let mut text = String::new();
    for Probe { name, milestone, about, .. } in PROBES {
        let about = format!("{about} ({milestone})");
        text.push_str(&wrapped(&format!("{name:16} "), "                 ", &about));
    }
    text
}

/// One probe as soon as it is over: a line, and of a failure what may be behind it. So many
/// `hints` are given, and `read_on` says where the rung that mends it is explained.
pub fn checked_text(checked: &Checked, hints: usize, has_colours: bool, read_on: &str) -> String {
    let Checked { probe, finding, .. } = checked;
    let sign = match finding.verdict {
        Verdict::Pass => '✓',
        Verdict::Fail => '✗',
        Verdict::Unknown => '?',
        Verdict::NotApplicable => '–',
    };
    let ink = Ink::new(has_colours);
    let mut text = wrapped(&format!("{sign} {:16} ", probe.name), MARGIN, &finding.evidence);
    match finding.verdict {
        Verdict::Pass | Verdict::NotApplicable => return text,
        Verdict::Unknown => return ink.warning(&text),
        Verdict::Fail => text = ink.failure(&text),
    }
    if let Some(exchange) = &finding.exchange {
        text.push_str(&exchanged(exchange));
    }
    let mut note = |label: &str, words: &str| {
        text.push_str(&wrapped(&format!("{MARGIN}{label}: "), MARGIN, words));
    };
    if let Some(cause) = finding.cause {
        note("likely", cause);
    }
    for hint in checked.hints().take(hints) {
        note("hint", hint);
    }
    note("mended by", &format!("{} ({read_on})", probe.milestone));
    text
}

/// The end of the report: the model, the rung that is reached, and what to mend first.
pub fn checkup_text(checkup: &Checkup) -> String {
    let mut text = String::new();
    match &checkup.model {
        Some(Ok(model)) => {
            let said = format!("{} ({})", model.kind, model.evidence);
            text.push_str(&wrapped("model: ", "       ", &said));
        }
        Some(Err(why)) => text.push_str(&wrapped("model: ", "       ", &format!("? ({why})"))),
        None => {}
    }
    if let Some(reached) = checkup.reached() {
        text.push_str(&wrapped("reached: ", MARGIN, &reached.to_string()));
    }
    if let Some(left_out) = checkup.left_out {
        let put = checkup.checked.len();
        return text + &format!("interrupted: {put} of {} probes put\n", put + left_out);
    }
    let last = match checkup.first_to_mend() {
        Some(first) => format!("to mend first: {}", first.probe.name),
        None if checkup.has(Verdict::Unknown) => {
            "nothing failed, but not all could be told".to_owned()
        }
        None => "nothing failed".to_owned(),
    };
    text.push_str(&(last + "\n"));
    text
}

/// What went and came, with a caret under the first byte that is wrong.
fn exchanged(exchange: &Exchange) -> String {
    let mut text = String::new();
    if exchange.sent.is_empty() && exchange.received.is_empty() {
        return text;
    }
    let sent = escaped(&exchange.sent);
    writeln!(text, "{MARGIN}sent: {}", cut(&sent.concat(), SHOWN)).ok();
    if exchange.received.is_empty() {
        writeln!(text, "{MARGIN}got:  nothing").ok();
        return text;
    }
    let received = escaped(&exchange.received);
    let Some(offence) = exchange.offence else {
        writeln!(text, "{MARGIN}got:  {}", cut(&received.concat(), SHOWN)).ok();
        return text;
    };
    // So much before the offence that it stands in the middle of what is shown.
    let mut from = offence;
    let mut column = 0;
    while from > 0 && column + received[from - 1].chars().count() <= SHOWN / 2 {
        from -= 1;
        column += received[from].chars().count();
    }
    let dots = if from > 0 { "…" } else { "" };
    writeln!(text, "{MARGIN}got:  {dots}{}", cut(&received[from..].concat(), SHOWN)).ok();
    let column = column + dots.chars().count();
    writeln!(text, "{MARGIN}      {:column$}^ byte {offence}", "").ok();
    text
}

/// Each byte as a person can read it.
fn escaped(bytes: &[u8]) -> Vec<String> {
    bytes.iter().map(|byte| byte.escape_ascii().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::super::paragraph::WIDTH, *};

    #[test]
    fn a_caret_stands_under_the_offence() {
        let exchange = |received: &[u8], offence| Exchange {
            sent: b"GET / HTTP/1.1\r\n".to_vec(),
            received: received.to_vec(),
            offence: Some(offence),
        };
        let text = exchanged(&exchange(b"HTTP/1.1 2OO OK\r\n", 10));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0].trim(), r"sent: GET / HTTP/1.1\r\n");
        assert_eq!(lines[1].find("OO OK"), lines[2].find('^'), "{text}");
        assert!(lines[2].ends_with("^ byte 10"), "{text}");
        let long = [&[b'a'; 500][..], b"X", &[b'b'; 500]].concat();
        let text = exchanged(&exchange(&long, 500));
        let lines: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
        let place = |line: &[char], sign| line.iter().position(|&one| one == sign);
        assert_eq!(place(&lines[1], 'X'), place(&lines[2], '^'), "{text}");
        assert!(lines.iter().all(|line| line.len() <= WIDTH), "{text}");
    }

    #[test]
    fn no_line_is_longer_than_a_terminal() {
        for line in probes_text().lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
    }
}
