//! Colours, and few of them: for what went wrong. Where they are not wanted there are none.

use anstyle::{AnsiColor, Style};

/// What text is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Plain,
    Coloured,
}

impl Ink {
    pub(super) fn new(has_colours: bool) -> Self {
        if has_colours { Self::Coloured } else { Self::Plain }
    }

    /// What to know before the figures are believed.
    pub(super) fn warning(self, text: &str) -> String {
        self.paint(AnsiColor::Yellow.on_default().bold(), text)
    }

    /// What failed.
    pub(super) fn failure(self, text: &str) -> String {
        self.paint(AnsiColor::Red.on_default(), text)
    }

    /// What a difference adds.
    pub(super) fn addition(self, text: &str) -> String {
        self.paint(AnsiColor::Green.on_default(), text)
    }

    /// Line by line, for pagers that show each by itself.
    fn paint(self, style: Style, text: &str) -> String {
        if self == Self::Plain {
            return text.to_owned();
        }
        let paint = |line: &str| match line.strip_suffix('\n') {
            Some(line) => format!("{style}{line}{style:#}\n"),
            None => format!("{style}{line}{style:#}"),
        };
        text.split_inclusive('\n').map(paint).collect()
    }
}
