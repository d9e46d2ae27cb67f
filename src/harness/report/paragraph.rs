//! Paragraphs of a terminal's width.

use textwrap::{Options, WordSplitter};

/// How many columns there are for text.
pub(super) const WIDTH: usize = 80;

/// A paragraph whose first line begins differently.
pub(super) fn wrapped(first: &str, others: &str, words: &str) -> String {
    let mut text = String::new();
    for (index, line) in words.lines().enumerate() {
        let begin = if index == 0 { first } else { others };
        // What a server has printed may be indented itself.
        let own = &line[..line.len() - line.trim_start().len()];
        let others = format!("{others}{own}");
        let options = Options::new(WIDTH).initial_indent(begin).subsequent_indent(&others);
        // Never at a hyphen, which names and paths have too.
        let options = options.word_splitter(WordSplitter::NoHyphenation);
        text.push_str(&textwrap::fill(line, options));
        text.push('\n');
    }
    text
}

/// As much of a text as fits into so many columns, which ends in … if that is not all.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
