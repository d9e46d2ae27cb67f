//! `rungs learn`, from outside.

use super::{
    support::{Terminal, has_python, rungs},
    waiting::await_until,
};
use rungs::{
    harness::learn::{Language, Step},
    ladder::{LADDER, Rung},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};
use tempfile::TempDir;

/// Lines of a terminal that shows the ladder and a step at once.
const LINES: u16 = 60;

/// What a call prints, and on stderr; its exit code is checked.
fn learn(folder: &Path, arguments: &[&str], code: i32) -> (String, String) {
    let mut command = rungs(&["learn", "--folder", folder.to_str().unwrap()]);
    let output = command.args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stdout}{stderr}");
    (stdout, stderr)
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn progress(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("progress")).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).flat_map(|line| [line, "\n"]).collect()
}

/// The program of a rung, without the head that says what it is.
fn program(rung: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/bin/{rung}.rs"));
    without_head(&fs::read_to_string(path).unwrap())
}

fn without_head(text: &str) -> String {
    text.split_inclusive('\n').skip_while(|line| line.starts_with("//!")).collect()
}

/// A session, on a terminal; `None` where there is none to be had.
fn session(folder: &Path, arguments: &str) -> Option<Terminal> {
    Terminal::start(&format!("learn --folder '{}' {arguments}", folder.display()), LINES)
}

/// The commands of all processes that name this folder.
fn commands_in(folder: &Path) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let commands = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let commands = commands.map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "));
    commands.filter(|command| command.contains(folder.to_str().unwrap())).collect()
}

/// Compiles a step as its learner would by hand.
fn build(folder: &Path) {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap());
    cargo.args(["build", "--quiet"]).current_dir(folder);
    assert!(cargo.status().unwrap().success());
}

#[test]
fn a_whole_session_from_the_ground_to_the_next_step() {
    let folder = folder();
    let file = folder.path().join("iterativeserver/src/main.rs");
    learn(folder.path(), &["start", "iterativeserver"], 0);
    // Without a deadline: a session waits only so long, and this compiles the library.
    build(&folder.path().join("iterativeserver"));
    fs::remove_dir_all(folder.path().join("iterativeserver")).unwrap();
    fs::remove_file(folder.path().join("progress")).unwrap();

    let Some(mut terminal) = session(folder.path(), "") else {
        println!("skipped a_whole_session_from_the_ground_to_the_next_step: no script(1)");
        return;
    };
    terminal.await_text("→  0 webserver1");
    terminal.await_text("r opens the lesson, n goes on");
    terminal.press("n");
    terminal.await_text("begun as webserver1");
    terminal.await_text("✗ rude ");
    terminal.await_text("wanted: a reset, a half-close");
    terminal.press("s");
    terminal.await_text("the solution is shown once this step is passed");
    terminal.press("hh");
    terminal.await_text("hint 1 of 3, rude: One read() is not one request");
    terminal.await_text("hint 2 of 3, rude: ");
    terminal.press("n");
    terminal.await_text("rude has not passed; n again leaves this step out");

    let begun = fs::read_to_string(&file).unwrap();
    assert_eq!(without_head(&begun), program("webserver1"));
    fs::write(&file, begun.replace("let mut request", "let mut requested")).unwrap();
    terminal.await_text("✗ it does not compile");
    terminal.await_text("cannot find value `request`");
    // As editors do it that leave nothing half written.
    fs::write(file.with_extension("new"), program("iterativeserver")).unwrap();
    fs::rename(file.with_extension("new"), &file).unwrap();
    terminal.await_text("✓ answers, again, rude, backlog, restart");
    terminal.await_text("✓ rung 1 is reached");
    terminal.press("s");
    terminal.await_text("+        answer(client);");
    terminal.await_text("^ what the project does, in rust");
    terminal.press("n");
    terminal.await_text("→ rung 2, sleepserver");
    terminal.press("q");
    assert_eq!(terminal.exit_code(), Some(0));
    let expected = "webserver1 read\niterativeserver passed rust\nsleepserver begun\n";
    assert_eq!(progress(folder.path()), expected);

    let mut terminal = session(folder.path(), "").unwrap();
    terminal.await_text("✓  1 iterativeserver");
    terminal.await_text("→  2 sleepserver");
    terminal.await_text(&format!("2 of {} done", LADDER.len()));
    terminal.press("l?");
    terminal.await_text("the end; all is kept");
    terminal.press("\x03");
    assert_eq!(terminal.exit_code(), Some(130));
    assert_eq!(commands_in(folder.path()), [""; 0]);
}

#[test]
fn a_program_is_not_taken_for_one_of_the_same_name_in_another_folder() {
    let [one, other] = [folder(), folder()];
    for folder in [&one, &other] {
        learn(folder.path(), &["start", "iterativeserver"], 0);
    }
    // Saved before the other is compiled: of one package, what is compiled would be newer.
    fs::write(one.path().join("iterativeserver/src/main.rs"), "(").unwrap();
    build(&other.path().join("iterativeserver"));
    let (text, _) = learn(one.path(), &["check", "iterativeserver"], 2);
    assert!(text.contains("✗ it does not compile"), "{text}");
}

#[test]
fn a_check_by_itself_has_the_exit_codes_of_check() {
    if !has_python("a_check_by_itself_has_the_exit_codes_of_check") {
        return;
    }
    let folder = folder();
    let file = folder.path().join("concurrentserver/server.py");
    learn(folder.path(), &["start", "concurrentserver", "--lang", "python"], 0);
    let (text, _) = learn(folder.path(), &["check"], 1);
    assert!(text.contains("✗ ends ") && !text.contains("descriptors "), "{text}");
    assert!(text.ends_with("not reached: rung 4, concurrentserver\n"), "{text}");
    let leak = fs::read_to_string(&file).unwrap();
    fs::write(&file, leak + "    os.close(client)\n").unwrap();
    let (text, _) = learn(folder.path(), &["check"], 0);
    let end = format!(
        "reached: rung 4, concurrentserver\n\
         next: rungs learn start concurrentserver_eintr --folder {}\n",
        folder.path().display()
    );
    assert!(text.ends_with(&end), "{text}");
    assert_eq!(progress(folder.path()), "concurrentserver passed python\n");
    fs::write(&file, "(").unwrap();
    let (text, _) = learn(folder.path(), &["check", "concurrentserver"], 2);
    assert!(text.contains("SyntaxError") && text.contains("line 1"), "{text}");
    assert_eq!(progress(folder.path()), "concurrentserver passed python\n");
}

#[test]
fn a_save_ends_the_check_under_way_and_an_end_leaves_nothing() {
    if !has_python("a_save_ends_the_check_under_way_and_an_end_leaves_nothing") {
        return;
    }
    let folder = folder();
    learn(folder.path(), &["start", "concurrentserver2", "--lang", "python"], 0);
    let Some(mut terminal) = session(folder.path(), "") else {
        println!("skipped a_save_ends_the_check_under_way_and_an_end_leaves_nothing: no script(1)");
        return;
    };
    let file = folder.path().join("concurrentserver2/server.py");
    let right = fs::read_to_string(&file).unwrap();
    // It would be waited for.
    fs::write(&file, "import time\ntime.sleep(1000)\n").unwrap();
    terminal.await_text("waiting until the server listens");
    await_until("the server", || commands_in(&file).len() == 1);
    fs::write(&file, "nonsense\n").unwrap();
    terminal.await_text("NameError: name 'nonsense' is not defined");
    await_until("no server", || commands_in(&file).is_empty());
    fs::remove_dir_all(folder.path().join("concurrentserver2")).unwrap();
    terminal.await_text("there is no program any more");
    fs::create_dir(folder.path().join("concurrentserver2")).unwrap();
    fs::write(&file, &right).unwrap();
    terminal.await_text("concurrent: one client says nothing");
    await_until("a server under check", || !commands_in(&file).is_empty());
    terminal.press("\x03");
    assert_eq!(terminal.exit_code(), Some(130));
    assert_eq!(commands_in(&file), [""; 0]);
    assert_eq!(progress(folder.path()), "concurrentserver2 begun python\n");
}

#[test]
fn two_n_leave_a_step_out() {
    if !has_python("two_n_leave_a_step_out") {
        return;
    }
    let folder = folder();
    learn(folder.path(), &["start", "concurrentserver", "--lang", "python"], 0);
    let Some(mut terminal) = session(folder.path(), "") else {
        println!("skipped two_n_leave_a_step_out: no script(1)");
        return;
    };
    terminal.await_text("→ rung 4, concurrentserver");
    let checks = |terminal: &Terminal| terminal.text().matches("✗ ends ").count();
    await_until("a check", || checks(&terminal) == 1);
    terminal.press("c");
    await_until("another check", || checks(&terminal) == 2);
    terminal.press("n");
    terminal.await_text("ends has not passed; n again leaves this step out");
    terminal.press("n");
    terminal.await_text("→ rung 5, concurrentserver_eintr");
    terminal.press("q");
    assert_eq!(terminal.exit_code(), Some(0));
    let expected = "concurrentserver skipped python\nconcurrentserver_eintr begun python\n";
    assert_eq!(progress(folder.path()), expected);
}

#[test]
fn without_a_terminal_it_says_where_one_is() {
    let folder = folder();
    let (text, stderr) = learn(folder.path(), &[], 0);
    assert!(text.contains("→  0 webserver1") && text.contains("→ rung 0, webserver1"), "{text}");
    assert!(stderr.is_empty() && !text.contains('\u{1b}'), "{text}{stderr}");
    assert!(!folder.path().join("progress").exists(), "to look changes nothing");

    learn(folder.path(), &["read", "webserver1"], 0);
    learn(folder.path(), &["start", "iterativeserver", "--lang", "python"], 0);
    let (text, _) = learn(folder.path(), &["list", "--json"], 0);
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(list["schema"], 1);
    let steps = list["steps"].as_array().unwrap();
    assert_eq!(steps.len(), LADDER.len());
    assert_eq!((&steps[0]["state"], &steps[0]["to_pass"]), (&"read".into(), &Value::Array(vec![])));
    assert_eq!((&steps[1]["state"], &steps[1]["language"]), (&"begun".into(), &"python".into()));
    assert_eq!((&steps[1]["is_current"], &steps[1]["to_pass"][1]), (&true.into(), &"rude".into()));
    assert_eq!(steps[2]["state"], Value::Null);
}

#[test]
fn what_is_wrong_with_the_progress_is_told_and_kept() {
    let folder = folder();
    let text = "webserver1 read # at last\nnoserver passed\n\u{7}\n";
    fs::write(folder.path().join("progress"), text).unwrap();
    let (_, stderr) = learn(folder.path(), &["start", "iterativeserver", "--lang", "python"], 0);
    assert!(stderr.contains("progress: line 2: no such rung: noserver passed\n"), "{stderr}");
    let kept = fs::read_to_string(folder.path().join("progress")).unwrap();
    assert!(kept.ends_with(&format!("{text}iterativeserver begun python\n")), "{kept}");
    // Nothing is written over what cannot even be read.
    fs::write(folder.path().join("progress"), b"\xff\n").unwrap();
    let (_, stderr) = learn(folder.path(), &["read", "sleepserver"], 1);
    assert!(stderr.contains("progress: stream did not contain valid UTF-8"), "{stderr}");
    assert_eq!(fs::read(folder.path().join("progress")).unwrap(), b"\xff\n");
}

#[test]
fn what_cannot_be_done_is_said_in_a_line_and_a_hint() {
    let folder = folder();
    fs::create_dir(folder.path().join("threadserver")).unwrap();
    learn(folder.path(), &["start", "epollserver", "--lang", "python"], 0);
    for (arguments, said, hint) in [
        (&["start", "concurentserver"][..], "'concurentserver'", "exists: 'concurrentserver'"),
        (&["start", "tokioserver"], "it does not exist yet", "`rungs list`"),
        (&["start", "webserver1"], "is the ground", "`rungs learn start iterativeserver --f"),
        (&["start", "sleepserver"], "is only to be read", "`rungs learn read sleepserver --f"),
        (&["start", "threadserver"], "is there already", "there is no program in it: neither"),
        (&["start", "epollserver"], "is there already", "`rungs learn check epollserver --f"),
        (&["start", "preforkserver", "--lang", "c"], "'c'", "see --help"),
        (&["check", "sleepserver"], "no probe of its own", "`rungs learn read sleepserver --f"),
        (&["check", "preforkserver"], "is not begun", "`rungs learn start preforkserver --f"),
        (&["check", "threadserver"], "has no program", "rename it, and `rungs learn start thr"),
    ] {
        let (stdout, stderr) = learn(folder.path(), arguments, 2);
        assert_eq!(stdout, "", "{arguments:?}");
        let lines: Vec<_> = stderr.lines().collect();
        let [first, second] = lines[..] else { panic!("{arguments:?}: {stderr}") };
        assert!(first.starts_with("rungs: ") && first.contains(said), "{arguments:?}: {stderr}");
        assert!(second.starts_with("hint: ") && second.contains(hint), "{arguments:?}: {stderr}");
    }
    let (_, stderr) = learn(Path::new("/dev/null/my"), &["start", "iterativeserver"], 1);
    assert!(stderr.ends_with("/dev/null/my/iterativeserver: not a directory\n"), "{stderr}");
}

#[test]
fn what_is_to_be_typed_can_be_typed() {
    let folder = folder();
    let inside = folder.path().join("my servers");
    let (text, _) = learn(&inside, &["start", "iterativeserver"], 0);
    let expected = format!("cd '{}/iterativeserver' && cargo", inside.display());
    // It may be longer than a line.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(&expected), "{text}");
    let (_, stderr) = learn(&inside, &["start", "iterativeserver"], 2);
    let expected = format!("`rungs learn check iterativeserver --folder '{}'`", inside.display());
    assert!(stderr.contains(&expected), "{stderr}");
}

#[test]
fn the_program_is_the_one_that_cargo_has_built() {
    let folder = folder();
    learn(folder.path(), &["start", "iterativeserver"], 0);
    let manifest = folder.path().join("iterativeserver/Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("name = \"iterativeserver\"", "name = \"mine\"")).unwrap();
    let (text, _) = learn(folder.path(), &["check"], 1);
    assert!(text.contains("✓ answers ") && text.contains("✗ rude "), "{text}");
    fs::remove_file(folder.path().join("iterativeserver/src/main.rs")).unwrap();
    fs::write(folder.path().join("iterativeserver/src/lib.rs"), "").unwrap();
    let (text, _) = learn(folder.path(), &["check"], 2);
    assert!(text.contains("error: this package has no program"), "{text}");
}

#[test]
fn what_another_terminal_has_done_counts() {
    let folder = folder();
    let Some(mut terminal) = session(folder.path(), "--lang python") else {
        println!("skipped what_another_terminal_has_done_counts: no script(1)");
        return;
    };
    terminal.await_text("r opens the lesson, n goes on");
    learn(folder.path(), &["read", "sleepserver"], 0);
    let before = progress(folder.path());
    fs::write(folder.path().join("progress"), before + "iterativeserver passed rust\n").unwrap();
    terminal.press("n");
    terminal.await_text("→ rung 3, concurrentserver2");
    terminal.press("q");
    assert_eq!(terminal.exit_code(), Some(0));
    let expected = "sleepserver read\niterativeserver passed rust\nwebserver1 read python\n\
                    concurrentserver2 begun python\n";
    assert_eq!(progress(folder.path()), expected);
}

#[test]
fn at_the_end_of_the_ladder_each_key_says_so() {
    let folder = folder();
    let all: String = LADDER.iter().flat_map(|rung| [rung.name, " read\n"]).collect();
    fs::write(folder.path().join("progress"), all).unwrap();
    let Some(mut terminal) = session(folder.path(), "") else {
        println!("skipped at_the_end_of_the_ladder_each_key_says_so: no script(1)");
        return;
    };
    for count in 1..=5 {
        let said = || terminal.text().matches("You have climbed the ladder").count() == count;
        await_until(format!("{count}"), said);
        // The last ends it.
        terminal.press(["n", "c", "r", "s", "q"][count - 1]);
    }
    assert_eq!(terminal.exit_code(), Some(0));
}

#[test]
fn a_missing_tool_is_named() {
    let folder = folder();
    for (step, language, tool) in
        [("iterativeserver", "rust", "cargo"), ("concurrentserver", "python", "python3")]
    {
        learn(folder.path(), &["start", step, "--lang", language], 0);
        let mut command = rungs(&["learn", "--folder", folder.path().to_str().unwrap()]);
        command.args(["check", step]).env("PATH", folder.path()).env_remove("CARGO");
        let assert = command.assert().code(2);
        let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
        let expected = format!("✗ start {tool}: no such file or directory\nhint: {tool} is not in");
        assert!(text.starts_with(&expected), "{text}");
    }
}

#[test]
fn a_step_begins_as_a_copy_of_its_base() {
    let folder = folder();
    for step in Step::all().filter(|step| step.goal.is_some()) {
        let name = step.rung.name;
        let base = step.base(Language::Rust).unwrap();
        let (text, _) = learn(folder.path(), &["start", name], 0);
        assert!(text.starts_with(&format!("begun as {}", base.name)), "{text}");
        let begun = fs::read_to_string(folder.path().join(name).join("src/main.rs")).unwrap();
        assert_eq!(without_head(&begun), program(base.name));
        for part in [&format!("Your rung {}, {name}: ", step.rung.number), &step.rung.lesson()] {
            assert!(begun.contains(&part[..]), "{part}: {begun}");
        }
    }
}

#[test]
fn a_terminal_that_is_gone_ends_the_session() {
    let folder = folder();
    let Some(terminal) = session(folder.path(), "") else {
        println!("skipped a_terminal_that_is_gone_ends_the_session: no script(1)");
        return;
    };
    terminal.await_text("r opens the lesson, n goes on");
    drop(terminal);
    await_until("the end of it", || commands_in(folder.path()).is_empty());
}

/// Where each step begins in Python, by the rung that it begins as. One is enough of each.
fn skeletons(folder: &Path) -> BTreeMap<u8, (&'static Rung, &'static str, PathBuf)> {
    let steps = Step::all().filter(|step| step.goal.is_some());
    let mut found = BTreeMap::new();
    for step in steps {
        let (base, name) = (step.base(Language::Python).unwrap(), step.rung.name);
        found.entry(base.number).or_insert_with(|| {
            learn(folder, &["start", name, "--lang", "python"], 0);
            (base, name, folder.join(name).join("server.py"))
        });
    }
    found
}

#[test]
fn the_rungs_in_python_reach_what_the_rungs_do() {
    if !has_python("the_rungs_in_python_reach_what_the_rungs_do") {
        return;
    }
    let folder = folder();
    let skeletons = skeletons(folder.path());
    assert!(skeletons.len() >= 6, "{skeletons:?}");
    thread::scope(|scope| {
        for (base, step, file) in skeletons.values() {
            scope.spawn(move || {
                let command = ["python3", file.to_str().unwrap(), "{port}"];
                let mut check = rungs(&["check", "--json", "--until", step, "--"]);
                let output = check.args(command).output().unwrap();
                let report: Value = serde_json::from_slice(&output.stdout).unwrap();
                assert_eq!(report["reached"]["name"], base.name, "{report:#}");
                // What it lacks is the first thing that the step is about.
                let first = report["first_to_mend"].as_str().unwrap();
                let probes = report["probes"].as_array().unwrap();
                let first = probes.iter().find(|probe| probe["name"] == first).unwrap();
                assert_eq!(first["rung"]["name"], *step, "{report:#}");
            });
        }
    });
}

#[test]
fn a_rung_in_python_is_read_at_a_glance() {
    let folder = folder();
    for (base, _, file) in skeletons(folder.path()).values() {
        let text = fs::read_to_string(file).unwrap();
        let lines: Vec<_> = text.lines().skip_while(|line| line.starts_with('#')).collect();
        assert!(lines.len() < 45, "{}: {} lines", base.name, lines.len());
        assert!(lines.iter().all(|line| line.chars().count() <= 100), "{}", base.name);
    }
}
