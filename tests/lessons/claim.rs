//! What a block says of an output, and whether it is so.
//!
//! What varies from run to run stands in a claim as
//!
//! - `[PID]`: a process
//! - `[SOME]`: a count of at least one
//! - `[N]`: any number, with k, K, M or G behind it or not
//! - `[TIME]`: a time with its unit
//! - `[..]`: anything within a line, and `...` on a line of its own any lines
//!
//! The last two are snapbox's, which does the comparing too. Two spaces or more, as between columns,
//! are as good as any other number of them.

use regex::{Regex, escape};
use snapbox::{Assert, IntoData, Redactions, filter::NormalizeToExpected};

const WILDCARDS: [(&str, &str); 5] = [
    ("[PID]", r"\d+"),
    ("[SOME]", r"[1-9][\d,]*"),
    ("[N]", r"\d[\d.,]*[kKMG]?"),
    ("[TIME]", r"\d[\d.,]* ?(?:ns|µs|ms|s)"),
    ("[..]", ".*"),
];

/// `actual` with the wildcards of `claimed` in all places that they stand for.
pub(crate) fn normalise(claimed: &str, actual: &str) -> String {
    let claims: Vec<_> = claimed.lines().filter_map(|line| Some((line, pattern(line)?))).collect();
    let lines = actual.lines().map(|line| {
        let line = line.trim_end();
        claims.iter().find(|(_, pattern)| pattern.is_match(line)).map_or(line, |(claim, _)| claim)
    });
    let actual = whole(&lines.collect::<Vec<_>>().join("\n")).into_data();
    NormalizeToExpected::new()
        .redact_with(&Redactions::new())
        .normalize(actual, &whole(claimed).into_data().raw())
        .to_string()
}

/// Whether `actual` is what was claimed; if not, the difference.
pub(crate) fn compare(claimed: &str, actual: &str) -> Result<(), String> {
    let actual = normalise(claimed, actual);
    Assert::new()
        .try_eq(Some(&"the output"), actual.into_data(), whole(claimed).into_data().raw())
        .map_err(|error| error.to_string())
}

/// A pattern for a line with wildcards or columns, which move with the numbers in them.
fn pattern(line: &str) -> Option<Regex> {
    if !line.contains("  ") && !WILDCARDS.iter().any(|(name, _)| line.contains(name)) {
        return None;
    }
    let words = line.split_whitespace().map(|word| {
        let mut word = escape(word);
        for (name, pattern) in WILDCARDS {
            word = word.replace(&escape(name), pattern);
        }
        word
    });
    let words = words.collect::<Vec<_>>().join(r"\s+");
    Some(Regex::new(&format!(r"^\s*{words}$")).unwrap())
}

/// Ends the last line, if there is one, and there only.
fn whole(text: &str) -> String {
    let text = text.trim_end();
    if text.is_empty() { String::new() } else { format!("{text}\n") }
}
