//! What the subcommands have in common.

use assert_cmd::cargo::cargo_bin;
use rungs::ladder::LADDER;
use std::{
    fs, io,
    process::{Command, Stdio},
};

#[test]
fn what_cannot_be_printed_is_an_error_unless_nobody_reads() {
    let (reader, nobody_reads) = io::pipe().unwrap();
    drop(reader);
    let compare = ["compare", "webserver1", "--levels=1", "--rounds=1"];
    let cases =
        [(&["list"][..], "the ladder"), (&["--help"], "the help"), (&compare, "the comparison")];
    for (arguments, what) in cases {
        let said = |stdout: Stdio| {
            let mut command = Command::new(cargo_bin("rungs"));
            command.args(arguments).env("CARGO", "true").stdin(Stdio::null()).stdout(stdout);
            let output =
                command.stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{arguments:?}");
            String::from_utf8(output.stderr).unwrap()
        };
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let expected = format!("rungs: write {what} to stdout: no space left on device\n");
        assert_eq!(said(full.into()), expected);
        assert_eq!(said(nobody_reads.try_clone().unwrap().into()), "");
    }
}

#[test]
fn help_fits_into_a_terminal() {
    let help = |program: &str, arguments: &[&str]| {
        let output = Command::new(cargo_bin(program)).args(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("Usage: ") && output.status.success(), "{program}: {text}");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{program} {arguments:?}: {line}");
        }
    };
    help("rungs", &["--help"]);
    for command in ["list", "check", "compare", "learn", "load", "watch"] {
        help("rungs", &[command, "--help"]);
    }
    for work in ["list", "start", "read", "check"] {
        help("rungs", &["learn", work, "--help"]);
    }
    // Rung 0 parses its arguments by hand.
    let rungs = LADDER.iter().map(|rung| rung.name).filter(|name| *name != "webserver1");
    for program in rungs.chain(["client1", "client2"]) {
        help(program, &["--help"]);
    }
}
