//! Code that a page quotes, and diffs that it shows.
//!
//! The comment above a block says what it is: `<!-- quote FILE -->`, lines of that file, or
//! `<!-- diff OLD NEW -->`. A block of text is a drawing, and nobody's words.

use super::{
    page::{Fence, Page},
    root,
};
use similar::TextDiff;
use std::{env, fs};

/// Compares all of them with the sources.
pub(crate) fn check(page: &Page) -> Result<(), String> {
    let mut blocks = Vec::new();
    for fence in &page.fences {
        let place = || page.place(fence.inside.start);
        let shown = &page.text[fence.inside.clone()];
        let Some(real) = real(fence, shown).map_err(|error| format!("{}: {error}", place()))?
        else {
            continue;
        };
        if env::var_os("RUNGS_UPDATE").is_some() {
            blocks.push((fence.inside.clone(), real));
        } else if shown != real {
            let diff = TextDiff::from_lines(shown, &real).unified_diff().to_string();
            let mark = fence.mark.as_deref().unwrap_or_default();
            return Err(format!("{}: not what is in {mark}\n{diff}", place()));
        }
    }
    page.rewrite(blocks);
    Ok(())
}

/// What should stand in a block, or nothing if nobody can know.
fn real(fence: &Fence, shown: &str) -> Result<Option<String>, String> {
    let words: Vec<_> = fence.mark.as_deref().unwrap_or_default().split_whitespace().collect();
    match (fence.kind.as_str(), &words[..]) {
        ("text", _) if shown.lines().any(|line| line.starts_with("$ ")) => {
            Err("a command in a block of text, which nobody executes".to_owned())
        }
        ("console" | "text", _) => Ok(None),
        ("rust" | "python", ["quote", file]) => quote(&read(file)?, shown, file).map(Some),
        ("diff", ["diff", old, new]) => {
            let (before, after) = (read(old)?, read(new)?);
            let diff = TextDiff::from_lines(&before, &after);
            Ok(Some(diff.unified_diff().header(old, new).to_string()))
        }
        (kind, _) => Err(format!(
            "a {kind:?} block; it must be console, text, code under <!-- quote FILE -->, or diff \
             under <!-- diff OLD NEW -->"
        )),
    }
}

fn read(file: &str) -> Result<String, String> {
    fs::read_to_string(root().join(file)).map_err(|error| format!("{file}: {error}"))
}

/// The lines of a file from the first that is shown to the last.
fn quote(file: &str, shown: &str, name: &str) -> Result<String, String> {
    // Nothing is shown yet: all of it.
    if shown.trim().is_empty() {
        return Ok(file.to_owned());
    }
    let lines: Vec<_> = file.split_inclusive('\n').collect();
    let (first, last) =
        (shown.split_inclusive('\n').next(), shown.split_inclusive('\n').next_back());
    // A line may come more than once; the quote tells which is meant, as far as it is right.
    let fit = |start: &usize| {
        let rest = lines[*start..].iter();
        rest.zip(shown.split_inclusive('\n')).take_while(|(real, shown)| *real == shown).count()
    };
    let starts = (0..lines.len()).filter(|&at| Some(lines[at]) == first);
    let start = starts
        .max_by_key(fit)
        .ok_or_else(|| format!("{name} has no line {:?}", first.unwrap_or_default().trim_end()))?;
    let wanted = shown.split_inclusive('\n').count();
    let ends = (start..lines.len()).filter(|&at| Some(lines[at]) == last);
    let end = ends.min_by_key(|&end| (end + 1 - start).abs_diff(wanted)).ok_or_else(|| {
        format!("{name} has no line {:?} below", last.unwrap_or_default().trim_end())
    })?;
    Ok(lines[start..=end].concat())
}
