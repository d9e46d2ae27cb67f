//! Lessons that are wrong on purpose. The tests of the lessons must find each out, and say where.

use super::{Test, console, links, page::Page, quotes};
use libtest_mimic::{Failed, Trial};
use std::path::Path;

/// A lesson that is right.
const TRUTH: &str = r#"# A lesson

```console
$ export PATH="$PWD/target/release:$PATH"
$ printf 'seen: %s\n' 3 && \
  printf 'then: %s\n' 0
seen: [SOME]
then: 0
$ (exit 3)
$ echo $?
3
$ client1 --connect 127.0.0.1:8888
client1: connect 127.0.0.1:8888: connection refused
...
$ iterativeserver &
iterativeserver: serving http://127.0.0.1:8888/ (pid [PID])
$ client1 --connect 127.0.0.1:8888
* connected, 127.0.0.1:[N] to 127.0.0.1:8888
...
< Hello, World!
* the server has closed the connection
$ kill %1; wait %1
```

See [the heading](#a-lesson).

<!-- quote src/bin/iterativeserver.rs -->
```rust
        answer(client);
        close(client).during("close")?;
```

<!-- diff src/bin/concurrentserver_eintr.rs src/bin/concurrentserver3.rs -->
```diff
"#;

/// What is wrong, a piece of the truth, what stands there instead, who finds out, and what is said.
const LIES: [(&str, &str, &str, Test, &str); 15] = [
    ("a letter", "refused", "refuset", console::check, "lessons/lie.md:12: $ client1"),
    ("a line too few", "seen: [SOME]\n", "", console::check, "lie.md:5: $ printf"),
    ("a line too many", "then: 0\n", "then: 0\nthen: 1\n", console::check, "lie.md:5: $ printf"),
    ("none for some", "%s\\n' 3", "%s\\n' 0", console::check, "lie.md:5: $ printf"),
    ("a status", "\n3\n", "\n4\n", console::check, "lie.md:10: $ echo"),
    ("a success", "\n3\n", "\n0\n", console::check, "lie.md:10: $ echo"),
    ("a wildcard", "seen: [SOME]", "seen: [SUM]", console::check, "lie.md:5: $ printf"),
    (
        "a last word",
        "$ kill %1; wait %1\n",
        "$ (echo a; echo b >&2) &\n$ ls -d src\nsrc\n",
        console::check,
        "lie.md:",
    ),
    ("quoted code", "answer(client)", "answer(clients)", quotes::check, "lie.md:29: "),
    ("a diff", "let client = match", "let clients = match", quotes::check, "lie.md:35: "),
    ("a link", "(#a-lesson)", "(#the-lesson)", links::check, "lessons/lie.md:25: #the-lesson"),
    ("a block of its own", "```rust", "```shell", quotes::check, "lie.md:29: "),
    ("an indented block", "See [the", "\n    $ ls\n\nSee [the", quotes::check, "an indented block"),
    (
        "a hidden block",
        "See [the",
        "<details>\n```console\n$ ls\n```\n</details>\n\nSee [the",
        quotes::check,
        "HTML",
    ),
    (
        "a drawing",
        "See [the",
        "```text\n$ ls\n```\n\nSee [the",
        quotes::check,
        "in a block of text",
    ),
];

fn truth() -> String {
    let diff = similar::TextDiff::from_lines(
        include_str!("../../src/bin/concurrentserver_eintr.rs"),
        include_str!("../../src/bin/concurrentserver3.rs"),
    )
    .unified_diff()
    .header("src/bin/concurrentserver_eintr.rs", "src/bin/concurrentserver3.rs")
    .to_string();
    format!("{TRUTH}{diff}```\n")
}

fn lesson(text: String) -> Page {
    Page::parse(Path::new("lessons/lie.md"), text)
}

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![Trial::test("a_true_lesson_passes", || {
        let page = lesson(truth());
        console::check(&page).and(quotes::check(&page)).and(links::check(&page))?;
        Ok(())
    })];
    for (what, truth_part, lie, test, said) in LIES {
        let name = format!("{}_that_is_wrong_is_found", what.replace(' ', "_"));
        trials.push(Trial::test(name, move || {
            let text = truth();
            assert!(text.contains(truth_part), "{text}");
            match test(&lesson(text.replacen(truth_part, lie, 1))) {
                Err(error) if error.contains(said) => Ok(()),
                Err(error) => Err(Failed::from(format!("says not {said:?}, but: {error}"))),
                Ok(()) => Err(Failed::from("it was believed")),
            }
        }));
    }
    trials
}
