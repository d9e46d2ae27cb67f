//! Links and headings, and what a lesson must have.

use super::{page::Page, root};
use rungs::ladder::{FIRST_LESSON, LADDER};
use std::path::{Path, PathBuf};

/// The parts of a rung's lesson, in this order.
const PARTS: [&str; 10] = [
    "Predict",
    "Run it and see it fail",
    "The change",
    "Why it works",
    "Watch it",
    "Check it",
    "Measure it",
    "What still breaks",
    "Field note",
    "Exercises",
];

/// Every page of the book but the last ends with a link to the next.
fn leads_on(page: &Page) -> Result<(), String> {
    let book = Page::read(Path::new("lessons/SUMMARY.md"));
    let place = book.links.iter().position(|link| page.path == Path::new("lessons").join(&link.to));
    let Some(next) = place.and_then(|place| book.links.get(place + 1)) else { return Ok(()) };
    let last = page.text.trim_end().lines().next_back().unwrap_or_default();
    if last.contains("**Next:** [") && last.ends_with(&format!("]({})", next.to)) {
        return Ok(());
    }
    Err(format!("{}: the last line does not lead to {}", page.path.display(), next.to))
}

/// Every link leads to a file that exists, and every anchor to a heading in it.
pub(crate) fn check(page: &Page) -> Result<(), String> {
    let folder = page.path.parent().unwrap_or(Path::new(""));
    for link in &page.links {
        let wrong = |why: &str| Err(format!("{}: {}: {why}", page.place(link.at), link.to));
        if link.to.starts_with("https://") {
            continue;
        }
        let (file, anchor) = link.to.split_once('#').unwrap_or((&link.to, ""));
        let headings = if file.is_empty() {
            anchors(page)
        } else {
            let target = resolve(folder, file);
            if !root().join(&target).exists() {
                return wrong("there is no such file");
            }
            let is_page = target.extension().is_some_and(|extension| extension == "md");
            if is_page && folder == Path::new("lessons") && !target.starts_with(folder) {
                return wrong("the book has pages of lessons/ alone");
            }
            if is_page { anchors(&Page::read(&target)) } else { Vec::new() }
        };
        if !anchor.is_empty() && !headings.iter().any(|heading| heading == anchor) {
            return wrong("there is no such heading");
        }
    }
    leads_on(page)
}

/// `folder/file` without `..`, by its words alone.
fn resolve(folder: &Path, file: &str) -> PathBuf {
    let mut path = folder.to_owned();
    for part in file.split('/') {
        if part == ".." {
            path.pop();
        } else if part != "." {
            path.push(part);
        }
    }
    path
}

/// What GitHub and mdBook call the headings of a page: lower case, words joined by dashes.
fn anchors(page: &Page) -> Vec<String> {
    let anchor = |text: &str| {
        let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    page.headings.iter().map(|heading| anchor(&heading.text)).collect()
}

/// What every exercise has, of each at least so many.
const OF_AN_EXERCISE: [(&str, usize); 3] =
    [("\n**Goal:**", 1), ("<summary>Hint ", 2), ("<summary>Solution</summary>", 1)];

/// Every exercise has a goal, hints by degrees, and a solution.
fn exercises(page: &Page) -> Result<(), String> {
    let all = page.text.split("\n## Exercises\n").nth(1).unwrap_or_default();
    let each: Vec<_> = all.split("\n### ").skip(1).collect();
    if each.len() < 2 {
        return Err(format!("{}: {} exercises", page.path.display(), each.len()));
    }
    for (exercise, (part, least)) in each.iter().flat_map(|one| OF_AN_EXERCISE.map(|p| (one, p))) {
        if exercise.matches(part).count() < least {
            let title = exercise.lines().next().unwrap_or_default();
            return Err(format!("{}: {title}: too few of {part:?}", page.path.display()));
        }
    }
    Ok(())
}

/// Every rung has a lesson with all its parts, which shows all of the rung: its difference from its
/// base, which has a lesson too, or the whole program.
pub(crate) fn every_rung() -> Result<(), String> {
    if !root().join(FIRST_LESSON).is_file() {
        return Err(format!("{FIRST_LESSON} is missing"));
    }
    for rung in LADDER {
        let name = rung.lesson();
        if !root().join(&name).is_file() {
            return Err(format!("{name}: the lesson of {} is missing", rung.name));
        }
        let page = Page::read(Path::new(&name));
        let parts: Vec<_> = page.headings.iter().filter(|heading| heading.level == 2).collect();
        let parts: Vec<_> = parts.iter().map(|heading| heading.text.as_str()).collect();
        if parts != PARTS {
            return Err(format!("{name}: has the parts\n{parts:#?}\nand not\n{PARTS:#?}"));
        }
        exercises(&page)?;
        let source = format!("src/bin/{}.rs", rung.name);
        let diff = rung.base.map(|base| format!("diff src/bin/{base}.rs {source}"));
        let marks: Vec<_> = page.fences.iter().filter_map(|fence| fence.mark.clone()).collect();
        let has_all = marks.iter().any(|mark| Some(mark) == diff.as_ref())
            || page.fences.iter().any(|fence| {
                fence.mark == Some(format!("quote {source}"))
                    && Page::read(Path::new(&source)).text == page.text[fence.inside.clone()]
            });
        if !has_all {
            return Err(format!(
                "{name}: neither the difference from its base nor all of {source}"
            ));
        }
    }
    Ok(())
}
