//! The README's generated table is current, and the README stays short.

use rungs::{harness::report::ladder_markdown, ladder::LADDER};
use std::{env, fs, path::PathBuf};

const BEGIN: &str = "<!-- ladder -->\n";
const END: &str = "<!-- /ladder -->";

fn readme() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

/// The README with the table that the ladder's data give.
fn current(text: &str) -> String {
    let (before, rest) = text.split_once(BEGIN).expect("the README has a mark before its ladder");
    let (_, after) = rest.split_once(END).expect("the README has a mark after its ladder");
    format!("{before}{BEGIN}{}{END}{after}", ladder_markdown(LADDER))
}

#[test]
fn the_ladder_in_the_readme_is_current() {
    let text = fs::read_to_string(readme()).unwrap();
    let current = current(&text);
    if env::var_os("RUNGS_UPDATE").is_some() {
        fs::write(readme(), &current).unwrap();
        return;
    }
    assert!(text == current, "the table is old: RUNGS_UPDATE=1 cargo test --test readme");
}

#[test]
fn an_old_table_is_noticed() {
    let old = format!("before\n{BEGIN}| 7 | somebody else |\n{END}\nafter\n");
    let new = current(&old);
    assert_ne!(new, old);
    assert!(new.contains("concurrentserver_final"), "{new}");
    assert_eq!(current(&new), new);
}

#[test]
fn the_readme_is_under_150_lines() {
    let lines = fs::read_to_string(readme()).unwrap().lines().count();
    assert!(lines < 150, "{lines} lines");
}
