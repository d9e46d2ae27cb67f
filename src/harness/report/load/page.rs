//! How a page is laid out: headings, lines, and what is wrapped.

use super::units::count;

/// Columns of a page.
pub(super) const WIDTH: usize = 80;

/// The column where what is said about a heading begins.
pub(super) const INDENT: usize = 11;

pub(super) fn counted(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A line with its heading.
pub(super) fn line(heading: &str, said: &str) -> String {
    format!("{heading:<INDENT$}{said}\n")
}

/// Sentences with their heading.
pub(super) fn wrapped_line(heading: &str, said: &str) -> String {
    let text = wrapped(said.split(' '), " ", INDENT);
    line(heading, text.trim())
}

/// Parts on as few lines as they fit on, each indented.
pub(super) fn wrapped<T: AsRef<str>>(
    parts: impl IntoIterator<Item = T>,
    separator: &str,
    indent: usize,
) -> String {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        let part = part.as_ref();
        let ends = separator.trim_end();
        match lines.last_mut() {
            Some(last)
                if last.chars().count() + (separator.len() + part.chars().count() + ends.len())
                    <= WIDTH =>
            {
                last.push_str(separator);
                last.push_str(part);
            }
            last => {
                if let Some(last) = last {
                    last.push_str(ends);
                }
                lines.push(format!("{:indent$}{part}", ""));
            }
        }
    }
    lines.into_iter().map(|line| line + "\n").collect()
}
