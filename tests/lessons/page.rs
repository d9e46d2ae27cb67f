//! A Markdown file, taken apart.

use super::root;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

/// A page, and what in it can be right or wrong.
pub(crate) struct Page {
    /// From the project's folder.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) fences: Vec<Fence>,
    pub(crate) headings: Vec<Heading>,
    pub(crate) links: Vec<Link>,
}

/// A fenced code block.
pub(crate) struct Fence {
    /// The word behind the backticks.
    pub(crate) kind: String,
    /// The comment on the line above, which says where the code is from.
    pub(crate) mark: Option<String>,
    /// The lines between the backticks.
    pub(crate) inside: Range<usize>,
}

pub(crate) struct Heading {
    pub(crate) level: usize,
    pub(crate) text: String,
}

pub(crate) struct Link {
    pub(crate) to: String,
    pub(crate) at: usize,
}

impl Page {
    pub(crate) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(root().join(path)).unwrap();
        Self::parse(path, text)
    }

    pub(crate) fn parse(path: &Path, text: String) -> Self {
        let mut page = Self {
            path: path.to_owned(),
            text: String::new(),
            fences: Vec::new(),
            headings: Vec::new(),
            links: Vec::new(),
        };
        let mut is_heading = false;
        for (event, range) in Parser::new_ext(&text, Options::ENABLE_TABLES).into_offset_iter() {
            match event {
                Event::Start(Tag::CodeBlock(kind)) => {
                    let info = match &kind {
                        CodeBlockKind::Fenced(info) => info,
                        CodeBlockKind::Indented => "an indented block",
                    };
                    page.fences.push(Fence::new(&text, info, &range));
                }
                // Whose content nobody would look at, such as a fence right behind it.
                Event::Html(html) if html.contains("<pre") || html.contains("```") => {
                    page.fences.push(Fence::new(&text, "HTML", &range));
                }
                Event::Start(Tag::Link { dest_url, .. }) => {
                    page.links.push(Link { to: dest_url.into_string(), at: range.start });
                }
                Event::Start(Tag::Heading { level, .. }) => {
                    is_heading = true;
                    page.headings.push(Heading { level: level as usize, text: String::new() });
                }
                Event::End(TagEnd::Heading(_)) => is_heading = false,
                Event::Text(words) | Event::Code(words) if is_heading => {
                    page.headings.last_mut().unwrap().text.push_str(&words);
                }
                _ => {}
            }
        }
        page.text = text;
        page
    }

    pub(crate) fn fences_of(&self, kind: &str) -> impl Iterator<Item = &Fence> {
        self.fences.iter().filter(move |fence| fence.kind == kind)
    }

    /// `PATH:LINE`, as a compiler names a place.
    pub(crate) fn place(&self, at: usize) -> String {
        let line = self.text[..at].matches('\n').count() + 1;
        format!("{}:{line}", self.path.display())
    }

    /// Writes the page with other lines in some of its blocks.
    pub(crate) fn rewrite(&self, mut blocks: Vec<(Range<usize>, String)>) {
        blocks.sort_by_key(|(range, _)| range.start);
        let mut text = self.text.clone();
        for (range, lines) in blocks.into_iter().rev() {
            text.replace_range(range, &lines);
        }
        if text != self.text {
            fs::write(root().join(&self.path), text).unwrap();
        }
    }
}

impl Fence {
    fn new(text: &str, info: &str, range: &Range<usize>) -> Self {
        let block = &text[range.clone()];
        let start = range.start + block.find('\n').map_or(block.len(), |at| at + 1);
        let end = range.start + block.trim_end().rfind('\n').map_or(block.len(), |at| at + 1);
        let above = text[..range.start].trim_end().lines().last().unwrap_or_default();
        let mark = above.strip_prefix("<!-- ").and_then(|above| above.strip_suffix(" -->"));
        Self { kind: info.to_owned(), mark: mark.map(str::to_owned), inside: start..end.max(start) }
    }
}
