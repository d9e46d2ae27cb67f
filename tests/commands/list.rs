//! `rungs list`, from outside.

use super::support::rungs;
use rungs::ladder::LADDER;
use serde_json::Value;

#[test]
fn list_names_every_rung_with_its_idea() {
    let output = rungs(&["list"]).assert().success();
    let text = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    for rung in LADDER {
        let line = text.lines().find(|line| line.contains(rung.name) && line.contains(rung.idea));
        assert!(line.is_some_and(|line| line.contains(rung.breaks)), "{}: {text}", rung.name);
    }
    assert!(!text.contains(['\u{1b}', '─']), "plain in a pipe: {text}");
}

#[test]
fn list_has_json_for_scripts() {
    let output = rungs(&["list", "--json"]).assert().success();
    let list: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(list["schema"], 1);
    let found = list["rungs"].as_array().unwrap();
    assert_eq!(found.len(), LADDER.len());
    assert_eq!(found[7]["name"], "concurrentserver_final");
    assert_eq!(found[7]["number"], 7);
    assert_eq!(found[7]["base"], "concurrentserver3");
    assert_eq!(found[7]["lesson"], "lessons/07-concurrentserver_final.md");
    assert!(found[0]["base"].is_null());
}
