//! The rules of the ladder, checked on the source text: who imports whom, how long a rung may be,
//! how far it may be from its base, what its first line says, and where `unsafe` is allowed.
//!
//! Each rule is a function from a text to its faults, and each has a sample that it must find
//! faulty: a checker that accepts everything would pass too.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{TokenStream, TokenTree};
use rungs::ladder::{LADDER, Rung, TO_COME};
use similar::{ChangeTag, DiffOp, DiffTag, TextDiff};
use syn::{
    UseTree,
    visit::{self, Visit},
};

// ---- The rules' constants. ----

/// Who may import which rooms of the library, besides itself. A room without a row may not exist.
///
/// `http` is what both wings share, so it is in every row of theirs.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("bin", &["serve", "http"]),
    ("http", &[]),
    ("ladder", &[]),
    ("serve", &["http"]),
    ("gateway", &["http"]),
    ("harness::supervise", &["http"]),
    ("harness::cargo", &["harness::supervise"]),
    ("harness::observe", &["http"]),
    ("harness::load", &["http"]),
    ("harness::trace", &["http"]),
    ("harness::check", &["http", "harness::supervise", "harness::observe", "harness::load"]),
    (
        "harness::compare",
        &[
            "http",
            "harness::cargo",
            "harness::supervise",
            "harness::observe",
            "harness::load",
            "ladder",
        ],
    ),
    ("harness::learn", &["http", "harness::cargo", "harness::check", "ladder"]),
    (
        "harness::report",
        &[
            "harness::observe",
            "harness::load",
            "harness::trace",
            "harness::check",
            "harness::compare",
            "harness::learn",
            "ladder",
        ],
    ),
];

/// Files that see everything: the map, the command, and what it dispatches to.
const SEES_ALL: &[&str] = &["src/lib.rs", "src/main.rs", "src/harness/mod.rs", "src/commands"];

/// The crates a rung may call, where the call is its lesson; `slab` numbers what mio's tokens name.
const CRATES_OF_RUNGS: &[&str] = &["io_uring", "mio", "nix", "slab", "socket2"];

/// Programs in src/bin/ that are no rungs.
const CLIENTS: &[&str] = &["client1", "client2"];

/// Lines that a rung may have, its comments included.
const CAP: usize = 60;
const CAP_EVENT_DRIVEN: usize = 100;
const EVENT_DRIVEN: &[&str] = &[
    "selectserver",
    "pollserver",
    "epollserver",
    "reuseportserver",
    "coroutineserver",
    "tokioserver",
    "uringserver",
];

/// Changes of paradigm, which are read whole. `iterativeserver` is one: its base uses std alone, in
/// one function of its own, and it is the frame which all later rungs are compared with.
const READ_WHOLE: &[&str] =
    &["iterativeserver", "pollserver", "epollserver", "coroutineserver", "uringserver"];

/// What may differ between a rung and its base, comments and blank lines aside.
const BUDGET: Difference = Difference { added: 15, removed: 5, hunks: 5 };

/// Files that may say `unsafe`: one of each wing, and the programs that fork.
const UNSAFE: &[&str] = &[
    "src/serve/process.rs",
    "src/harness/supervise.rs",
    "src/bin/concurrentserver2.rs",
    "src/bin/concurrentserver.rs",
    "src/bin/concurrentserver_eintr.rs",
    "src/bin/concurrentserver3.rs",
    "src/bin/concurrentserver_final.rs",
    "src/bin/preforkserver.rs",
    "src/bin/client2.rs",
];

// ---- The source. ----

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("read {path}: {error}"))
}

fn text_of(rung: &Rung) -> String {
    read(&format!("src/bin/{}.rs", rung.name))
}

/// All files of `src/` with their texts, by their path from the project's root.
fn sources() -> BTreeMap<String, String> {
    let mut sources = BTreeMap::new();
    let mut directories = vec![root().join("src")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.ends_with("src/bin/mine.rs") {
                // A learner's own, for the lessons' exercises; git ignores it.
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                sources.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    sources
}

#[track_caller]
fn assert_no(faults: &[String]) {
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

// ---- Who may import whom. ----

/// What one file names: modules of the library, from its root, and the first names of all paths.
#[derive(Debug, Default)]
struct Names {
    /// The module that the text at hand belongs to; a program's begins with `bin`.
    module: Vec<String>,
    /// Where `crate` points to.
    crate_root: Vec<String>,
    modules: BTreeSet<Vec<String>>,
    first: BTreeSet<String>,
}

impl Names {
    fn of(path: &str, text: &str) -> Self {
        let mut module: Vec<String> = path.split('/').skip(1).map(str::to_owned).collect();
        let file = module.pop().unwrap_or_default();
        match file.trim_end_matches(".rs") {
            "mod" | "lib" => {}
            name => module.push(name.to_owned()),
        }
        let is_program = path.starts_with("src/bin/");
        let crate_root = if is_program { module.clone() } else { Vec::new() };
        let mut names = Self { module, crate_root, ..Self::default() };
        names.visit_file(&syn::parse_file(text).unwrap_or_else(|e| panic!("parse {path}: {e}")));
        names
    }

    fn record(&mut self, path: &[String]) {
        let Some((first, rest)) = path.split_first() else { return };
        let mut module = match first.as_str() {
            "rungs" => Vec::new(),
            "crate" => self.crate_root.clone(),
            "self" => self.module.clone(),
            "super" => self.module[..self.module.len().saturating_sub(1)].to_vec(),
            _ => {
                self.first.insert(first.clone());
                return;
            }
        };
        for name in rest {
            match name.as_str() {
                "super" => drop(module.pop()),
                "self" => {}
                name => module.push(name.to_owned()),
            }
        }
        self.modules.insert(module);
    }

    /// Paths in expressions, types and patterns. A single name is a variable or what a `use` brought
    /// in, even if it is `rungs`.
    fn record_path(&mut self, path: &[String]) {
        match path {
            [name] => drop(self.first.insert(name.clone())),
            path => self.record(path),
        }
    }

    fn record_use(&mut self, prefix: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.record_use(&with(&path.ident), &path.tree),
            UseTree::Name(name) => self.record(&with(&name.ident)),
            UseTree::Rename(rename) => self.record(&with(&rename.ident)),
            UseTree::Glob(_) => self.record(prefix),
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.record_use(prefix, tree));
            }
        }
    }

    /// Paths inside a macro's brackets, which the parser leaves alone: runs of names joined by `::`.
    fn record_tokens(&mut self, tokens: TokenStream) {
        let mut path = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.record_path(&path);
                        path.clear();
                    }
                    path.push(ident.to_string());
                }
                TokenTree::Group(group) => self.record_tokens(group.stream()),
                _ => {}
            }
            colons = 0;
        }
        self.record_path(&path);
    }

    /// The rooms it names besides its own.
    fn rooms(&self) -> BTreeSet<String> {
        let own = room(&self.module);
        self.modules.iter().map(|module| room(module)).filter(|room| *room != own).collect()
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.record_use(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let path_names: Vec<_> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        self.record_path(&path_names);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.record_tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    /// `pub(super)` lets others in, and takes nothing out.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}
}

/// The room of a module. The library's root holds everything, so to name it is to name all rooms.
fn room(module: &[String]) -> String {
    match module {
        [] => "everything".to_owned(),
        [wing, room, ..] if wing == "harness" => format!("harness::{room}"),
        [room, ..] => room.clone(),
    }
}

fn import_faults(path: &str, text: &str) -> Vec<String> {
    if SEES_ALL.iter().any(|all| path.starts_with(all)) {
        return Vec::new();
    }
    let names = Names::of(path, text);
    let own = room(&names.module);
    let Some((_, allowed)) = MAY_IMPORT.iter().find(|(room, _)| *room == own) else {
        return vec![format!("{path}: there is no rule for the room {own}")];
    };
    let rooms = names.rooms().into_iter();
    rooms
        .filter(|room| !allowed.contains(&room.as_str()))
        .map(|room| format!("{path}: {own} may not import {room}"))
        .collect()
}

/// A rung calls few crates, and has no text of its own in other files. Rung 0 has std alone.
fn text_faults(path: &str, text: &str, dependencies: &BTreeSet<String>) -> Vec<String> {
    let names = Names::of(path, text);
    let mut foreign: BTreeSet<_> = names.first.intersection(dependencies).cloned().collect();
    if path == "src/bin/webserver1.rs" {
        foreign.extend(names.rooms());
    } else {
        foreign.retain(|name| !CRATES_OF_RUNGS.contains(&name.as_str()));
    }
    let faults = foreign.iter().map(|name| format!("{path} may not call {name}"));
    let split = has_other_files(text).then(|| format!("{path} is not one file"));
    faults.chain(split).collect()
}

fn has_other_files(text: &str) -> bool {
    let is_elsewhere = |item: &syn::Item| match item {
        syn::Item::Mod(module) => module.content.is_none(),
        syn::Item::Macro(call) => call.mac.path.is_ident("include"),
        _ => false,
    };
    syn::parse_file(text).unwrap().items.iter().any(is_elsewhere)
}

/// The crates under `[dependencies]`, by the names that programs use.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let section = manifest.split("[dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let lines = section.lines().filter_map(|line| line.split_once(" = "));
    lines.map(|(name, _)| name.replace('-', "_")).collect()
}

#[test]
fn rooms_import_only_what_they_may() {
    let faults: Vec<_> =
        sources().iter().flat_map(|(path, text)| import_faults(path, text)).collect();
    assert_no(&faults);
}

#[test]
fn rungs_stand_on_few_crates_and_are_one_file() {
    let dependencies = dependencies(&read("Cargo.toml"));
    assert!(dependencies.contains("mio") && dependencies.contains("anyhow"), "{dependencies:?}");
    let faults: Vec<_> = LADDER
        .iter()
        .flat_map(|rung| {
            text_faults(&format!("src/bin/{}.rs", rung.name), &text_of(rung), &dependencies)
        })
        .collect();
    assert_no(&faults);
}

#[test]
fn a_wrong_import_is_found_however_it_is_written() {
    let wrong = [
        ("src/bin/a.rs", "use rungs::harness::load::run;", "bin may not import harness::load"),
        ("src/bin/a.rs", "use rungs::{http, ladder::{self}};", "bin may not import ladder"),
        ("src/bin/a.rs", "use rungs::*;", "bin may not import everything"),
        ("src/bin/a.rs", "use rungs as r;", "bin may not import everything"),
        ("src/bin/a.rs", "fn f() { rungs::ladder::g(); }", "bin may not import ladder"),
        ("src/bin/a.rs", "fn f() { println!(\"{}\", (rungs::ladder::G)); }", "import ladder"),
        ("src/bin/a.rs", "fn f(a: &[rungs::ladder::Rung]) {}", "bin may not import ladder"),
        ("src/serve/a.rs", "use crate::ladder;", "serve may not import ladder"),
        ("src/serve/a.rs", "use super::super::ladder;", "serve may not import ladder"),
        ("src/serve/mod.rs", "use super::harness;", "serve may not import harness"),
        ("src/serve/a.rs", "mod tests { use super::super::super::ladder; }", "import ladder"),
        ("src/http/mod.rs", "fn f() { crate::serve::f() }", "http may not import serve"),
        ("src/harness/load/a.rs", "use crate::harness::observe;", "import harness::observe"),
        ("src/harness/load/a.rs", "use super::super::observe::tree;", "import harness::observe"),
        ("src/harness/compare/a.rs", "use crate::serve::run;", "compare may not import serve"),
        ("src/harness/cellar/a.rs", "", "no rule for the room harness::cellar"),
    ];
    for (path, text, fault) in wrong {
        let faults = import_faults(path, text).join("\n");
        assert!(faults.contains(fault), "{path}: {text}: {faults:?}");
    }
}

#[test]
fn a_right_import_is_none_of_these() {
    let right = [
        ("src/bin/a.rs", "use rungs::{http::Body, serve::{run, Args}}; use crate::f as g;"),
        ("src/serve/a.rs", "use super::error::log; pub(super) use crate::http::Body;"),
        ("src/serve/a.rs", "mod tests { use super::*; use super::super::a; }"),
        ("src/serve/mod.rs", "pub(crate) struct A { pub(super) b: u8 }"),
        ("src/harness/load/mod.rs", "use self::plan::Plan; use crate::http;"),
        ("src/harness/compare/a.rs", "use crate::{harness::{load, observe::tree}, ladder};"),
        ("src/commands/a.rs", "use rungs::{harness, ladder, serve};"),
    ];
    for (path, text) in right {
        assert_no(&import_faults(path, text));
    }
}

#[test]
fn a_rung_that_calls_more_or_is_more_than_one_file_is_found() {
    let dependencies = dependencies("[dependencies]\nmio = 1\nserde-json = 1\n[other]\nclap = 1");
    let faults = |path, text| text_faults(path, text, &dependencies).join("\n");
    assert_eq!(faults("src/bin/a.rs", "use {mio::Poll, std::io}; fn f() { clap::g() }"), "");
    let called = faults("src/bin/a.rs", "fn f() { serde_json::to_value(1); }");
    assert_eq!(called, "src/bin/a.rs may not call serde_json");
    let rest = "src/bin/a.rs is not one file";
    assert_eq!(faults("src/bin/a.rs", "#[path = \"b.rs\"] mod b;"), rest);
    assert_eq!(faults("src/bin/a.rs", "include!(\"b.rs\");"), rest);
    let not_std = faults("src/bin/webserver1.rs", "use {mio::Poll, rungs::serve::run, std::io};");
    assert!(not_std.contains("call mio") && not_std.contains("call serve"), "{not_std}");
}

// ---- How long. ----

fn length_faults(name: &str, text: &str) -> Vec<String> {
    let cap = if EVENT_DRIVEN.contains(&name) { CAP_EVENT_DRIVEN } else { CAP };
    let length = text.lines().count();
    let fault = || format!("src/bin/{name}.rs has {length} lines, of at most {cap}");
    (length > cap).then(fault).into_iter().collect()
}

#[test]
fn a_rung_is_read_in_two_minutes() {
    let faults: Vec<_> =
        LADDER.iter().flat_map(|rung| length_faults(rung.name, &text_of(rung))).collect();
    assert_no(&faults);
}

#[test]
fn a_rung_that_is_too_long_is_found() {
    for (name, cap) in [("threadserver", CAP), ("epollserver", CAP_EVENT_DRIVEN)] {
        assert_no(&length_faults(name, &"//\n".repeat(cap)));
        assert_eq!(length_faults(name, &"//\n".repeat(cap + 1)).len(), 1, "{name}");
    }
}

// ---- How far from its base. ----

/// How two texts differ, in lines, and in places.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    added: usize,
    removed: usize,
    hunks: usize,
}

impl Difference {
    fn between(base: &str, rung: &str) -> Self {
        let (base, rung) = (code(base), code(rung));
        let diff = TextDiff::from_lines(&base, &rung);
        let count = |tag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
        let is_hunk = |op: &&DiffOp| op.tag() != DiffTag::Equal;
        Self {
            added: count(ChangeTag::Insert),
            removed: count(ChangeTag::Delete),
            hunks: diff.ops().iter().filter(is_hunk).count(),
        }
    }
}

/// The lines that are neither blank nor a comment.
fn code(text: &str) -> String {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    text.lines().filter(is_code).flat_map(|line| [line, "\n"]).collect()
}

fn budget_faults(name: &str, base: &str, rung: &str) -> Vec<String> {
    let found = Difference::between(base, rung);
    let over =
        found.added > BUDGET.added || found.removed > BUDGET.removed || found.hunks > BUDGET.hunks;
    over.then(|| format!("{name} differs from its base by {found:?}, of {BUDGET:?}"))
        .into_iter()
        .collect()
}

#[test]
fn the_difference_between_a_rung_and_its_base_is_one_idea() {
    let mut compared = 0;
    for rung in LADDER.iter().filter(|rung| !READ_WHOLE.contains(&rung.name)) {
        // A base that is to come is compared when it is there.
        let Some(base) = rung.base.and_then(Rung::named) else { continue };
        assert_no(&budget_faults(rung.name, &text_of(base), &text_of(rung)));
        compared += 1;
    }
    assert!(compared >= 8, "only {compared} rungs were compared with their bases");
}

#[test]
fn a_rung_over_budget_is_found() {
    let lines = |range: std::ops::Range<usize>| -> String {
        range.map(|number| format!("line({number});\n")).collect::<Vec<_>>().concat()
    };
    let base = lines(0..20);
    let added = |count: usize| budget_faults("a", &base, &(base.clone() + &lines(20..20 + count)));
    assert_eq!((added(15).len(), added(16).len()), (0, 1));
    let removed = |count: usize| budget_faults("a", &base, &lines(count..20));
    assert_eq!((removed(5).len(), removed(6).len()), (0, 1));
    let hunks = |count| {
        let insert =
            |number| format!("line({number});\n{}", if number < count { "x;\n" } else { "" });
        budget_faults("a", &base, &(0..20).map(insert).collect::<Vec<_>>().concat())
    };
    assert_eq!((hunks(5).len(), hunks(6).len()), (0, 1));
    let commented = lines(0..20).replace('\n', "\n\n    // why\n");
    assert_eq!(Difference::between(&base, &commented), Difference::between(&base, &base));
}

// ---- What the first line says. ----

fn first_line(rung: &Rung) -> String {
    format!(
        "//! Rung {}, {}: {}. Base: {}. Lesson: {}",
        rung.number,
        rung.name,
        rung.idea,
        rung.base.unwrap_or("none"),
        rung.lesson()
    )
}

fn first_line_faults(rung: &Rung, text: &str) -> Vec<String> {
    let plain = |line: &str| line.replace('`', "");
    let (expected, found) = (first_line(rung), text.lines().next().unwrap_or_default());
    let differs = plain(&expected) != plain(found);
    differs
        .then(|| format!("src/bin/{}.rs, line 1: {found}\nshould be {expected}", rung.name))
        .into_iter()
        .collect()
}

#[test]
fn the_first_line_of_a_rung_says_what_the_ladder_says() {
    let faults: Vec<_> =
        LADDER.iter().flat_map(|rung| first_line_faults(rung, &text_of(rung))).collect();
    assert_no(&faults);
}

#[test]
fn a_first_line_that_says_something_else_is_found() {
    let rung = Rung::named("concurrentserver_final").unwrap();
    let right = "//! Rung 7, concurrentserver_final: loop `waitpid(-1, WNOHANG)` until nobody is left. \
                 Base: concurrentserver3. Lesson: lessons/07-concurrentserver_final.md";
    assert_no(&first_line_faults(rung, right));
    let changes =
        [("7,", "8,"), ("_final:", ":"), ("loop ", ""), ("server3", "server"), ("/07", "/7")];
    for (from, to) in changes {
        let wrong = right.replacen(from, to, 1);
        assert_ne!(wrong, right);
        assert_eq!(first_line_faults(rung, &wrong).len(), 1, "{wrong}");
    }
    assert_eq!(first_line_faults(rung, "").len(), 1);
}

// ---- The ladder is a tree, and src/bin/ is the ladder. ----

fn tree_faults(ladder: &[Rung], to_come: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut below: Vec<&str> = Vec::new();
    let mut last = None;
    for rung in ladder {
        if below.contains(&rung.name) || to_come.contains(&rung.name) {
            faults.push(format!("{} is there twice", rung.name));
        }
        match rung.base {
            None if last.is_some() => faults.push(format!("{} has no base", rung.name)),
            Some(base) if !below.contains(&base) && !to_come.contains(&base) => {
                faults.push(format!("{} has the base {base}, which is not below it", rung.name));
            }
            _ => {}
        }
        if last.is_some_and(|number| rung.number <= number) {
            faults.push(format!("{} is out of order", rung.name));
        }
        below.push(rung.name);
        last = Some(rung.number);
    }
    faults
}

#[test]
fn every_base_is_a_rung_below_or_one_to_come() {
    assert_no(&tree_faults(LADDER, TO_COME));
}

#[test]
fn a_ladder_that_is_no_tree_is_found() {
    let faults = |change: fn(&mut Vec<Rung>), to_come| {
        let mut ladder = LADDER[..4].to_vec();
        change(&mut ladder);
        tree_faults(&ladder, to_come).join("\n")
    };
    assert_eq!(faults(|_| {}, &[]), "");
    assert_eq!(faults(|ladder| ladder[3].base = Some("x"), &["x"]), "");
    assert!(faults(|ladder| ladder[3].base = Some("x"), &[]).contains("has the base x"));
    assert!(faults(|ladder| ladder[1].base = Some("sleepserver"), &[]).contains("not below it"));
    assert!(faults(|ladder| ladder[1].base = None, &[]).contains("has no base"));
    assert!(faults(|ladder| ladder[3].number = 2, &[]).contains("out of order"));
    assert!(faults(|ladder| ladder[3].name = "webserver1", &[]).contains("twice"));
    assert!(faults(|_| {}, &["webserver1"]).contains("twice"));
}

/// The programs that are missing from src/bin/, and the files that should not be there.
fn program_faults(files: &BTreeSet<String>) -> Vec<String> {
    let programs = LADDER.iter().map(|rung| rung.name).chain(CLIENTS.iter().copied());
    let expected: BTreeSet<_> = programs.map(|name| format!("{name}.rs")).collect();
    let missing = expected.difference(files).map(|file| format!("src/bin/{file} is missing"));
    let foreign = files.difference(&expected).map(|file| format!("src/bin/{file} is no rung"));
    missing.chain(foreign).collect()
}

#[test]
fn the_programs_are_the_rungs_and_two_clients() {
    let sources = sources();
    let programs = sources.keys().filter_map(|path| path.strip_prefix("src/bin/"));
    assert_no(&program_faults(&programs.map(str::to_owned).collect()));
}

#[test]
fn a_program_too_many_or_too_few_is_found() {
    let programs = LADDER.iter().map(|rung| rung.name).chain(CLIENTS.iter().copied());
    let mut files: BTreeSet<_> = programs.map(|name| format!("{name}.rs")).collect();
    assert_no(&program_faults(&files));
    assert!(files.remove("epollserver.rs") && files.insert("common".to_owned()));
    let faults = ["src/bin/epollserver.rs is missing", "src/bin/common is no rung"];
    assert_eq!(program_faults(&files), faults);
}

// ---- What cargo builds twice. ----

/// Cargo looks for benchmarks and tests in each program that does not say that it has none: it
/// builds it once more, and hands it criterion's arguments, which it refuses.
fn double_faults<'a>(manifest: &str, programs: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let nothing = "bench = false\ntest = false\n";
    let says_so = |name: &&str| manifest.contains(&format!("name = \"{name}\"\n{nothing}"));
    let silent = programs.into_iter().filter(|name| !says_so(name));
    let fault =
        |name| format!("Cargo.toml: {name} lacks `bench` and `test = false` below its name");
    silent.map(fault).collect()
}

#[test]
fn cargo_builds_no_program_twice() {
    let sources = sources();
    let files = sources.keys().filter_map(|path| path.strip_prefix("src/bin/"));
    let programs = files.filter_map(|file| file.strip_suffix(".rs"));
    assert_no(&double_faults(&read("Cargo.toml"), programs));
}

#[test]
fn a_program_that_cargo_builds_twice_is_found() {
    let manifest = "name = \"a\"\nbench = false\ntest = false\nname = \"b\"\nbench = false\n";
    let faults = double_faults(manifest, ["a", "b", "c"]).join("\n");
    assert!(!faults.contains(": a ") && faults.contains(": b ") && faults.contains(": c "));
}

// ---- Where `unsafe` is allowed. ----

/// Whether the word stands anywhere in the code. Comments and strings are not code, and
/// `unsafe_code` is another word.
fn is_unsafe(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "unsafe",
        TokenTree::Group(group) => is_unsafe(group.stream()),
        _ => false,
    })
}

fn unsafe_faults(path: &str, text: &str) -> Vec<String> {
    let found = is_unsafe(text.parse().unwrap_or_else(|error| panic!("parse {path}: {error}")));
    let fault = || format!("{path} says `unsafe`");
    (found && !UNSAFE.contains(&path)).then(fault).into_iter().collect()
}

#[test]
fn unsafe_code_is_where_it_is_looked_for() {
    let sources = sources();
    let faults: Vec<_> =
        sources.iter().flat_map(|(path, text)| unsafe_faults(path, text)).collect();
    assert_no(&faults);
    for path in UNSAFE {
        assert!(sources.contains_key(*path), "{path} is allowed to say `unsafe`, and not there");
    }
}

#[test]
fn unsafe_code_elsewhere_is_found() {
    let wrong = [
        "fn f() { unsafe { g() } }",
        "unsafe fn f() {}",
        "unsafe impl Send for A {}",
        "unsafe extern \"C\" {}",
        "#[unsafe(no_mangle)] fn f() {}",
        "fn f() { assert!(unsafe { g() }) }",
    ];
    for text in wrong {
        assert_eq!(unsafe_faults("src/http/body.rs", text).len(), 1, "{text}");
        assert_no(&unsafe_faults("src/serve/process.rs", text));
    }
    let right = "#![forbid(unsafe_code)]\n// unsafe\n/// unsafe\nconst A: &str = \"unsafe\";";
    assert_no(&unsafe_faults("src/http/body.rs", right));
}
