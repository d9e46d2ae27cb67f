//! The lessons tell the truth: every command in them is executed and its output compared, all quoted
//! code and every diff is that of the sources, every link leads somewhere.
//!
//! # Layout
//!
//! - `page`: a Markdown file, taken apart
//! - `console`: its `console` blocks, executed in order in one shell
//! - `shell`: that shell
//! - `claim`: what a block says of an output, and whether it is so
//! - `quotes`: code and diffs
//! - `links`: links and headings, and what a lesson must have
//! - `lies`: lessons that are wrong on purpose, each of which must be found out
//!
//! `RUNGS_UPDATE=1 cargo test --test lessons` writes what is true into all of them; look at the
//! difference before you commit it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod claim;
mod console;
mod lies;
mod links;
mod page;
mod quotes;
mod shell;
#[path = "../waiting/mod.rs"]
mod waiting;

use libtest_mimic::{Arguments, Failed, Trial};
use page::Page;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// How many lessons are executed at once, unless `--test-threads` says it.
const AT_ONCE: usize = 5;

/// What a page is put to.
type Test = fn(&Page) -> Result<(), String>;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    if env::var_os("RUNGS_UPDATE").is_some() {
        // Two tests write to one file.
        arguments.test_threads = Some(1);
    }
    // A lesson waits most of the time.
    arguments.test_threads.get_or_insert(AT_ONCE);
    let mut trials = lies::trials();
    trials.push(Trial::test("every_rung_has_a_lesson", || Ok(links::every_rung()?)));
    for path in pages() {
        let page = Page::read(&path);
        trials.push(trial(&page, "links", links::check));
        if path.starts_with("lessons") {
            trials.push(trial(&page, "quotes", quotes::check));
            trials.push(commands(&page));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(page: &Page, what: &str, test: Test) -> Trial {
    let path = page.path.clone();
    Trial::test(format!("{}: {what}", path.display()), move || {
        test(&Page::read(&path)).map_err(Failed::from)
    })
}

/// The test of a page's commands, which is passed over, by name, where a program is missing; but not
/// in CI, which has to install it.
fn commands(page: &Page) -> Trial {
    let blocks = page.fences_of("console").count();
    let missing = console::missing_tools(page);
    let trial = trial(page, &format!("{blocks} console blocks"), console::check);
    if missing.is_empty() || env::var_os("CI").is_some() {
        return trial;
    }
    trial.with_kind(format!("skipped without {}", missing.join(", "))).with_ignored_flag(true)
}

/// The project's folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All pages, from the project's folder.
fn pages() -> Vec<PathBuf> {
    let folder = fs::read_dir(root().join("lessons")).unwrap();
    let names = folder.map(|entry| Path::new("lessons").join(entry.unwrap().file_name()));
    let mut pages: Vec<_> =
        names.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    pages.extend(["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(PathBuf::from));
    pages.sort();
    pages
}
