//! The `console` blocks of a page, executed in order in one shell.

use super::{
    claim,
    page::{Fence, Page},
    shell::{Shell, has},
};
use std::{collections::BTreeSet, env};

/// What a lesson may use besides bash and what every Linux has.
const TOOLS: [&str; 7] = ["curl", "nc", "nginx", "ps", "python3", "ss", "strace"];

/// What only looks, and may look again while things have not come to rest; and what may stand behind
/// it in a pipeline.
const LOOKS: [&str; 6] = ["cat", "grep", "ls", "ps", "rungs watch --once", "ss"];
const FILTERS: [&str; 9] = ["cut", "grep", "head", "sed", "sort", "tail", "tr", "uniq", "wc"];

/// A command, and what it is said to print.
struct Step<'a> {
    command: String,
    claimed: String,
    fence: &'a Fence,
    /// Where the command stands in the page.
    at: usize,
}

impl Step<'_> {
    fn only_looks(&self) -> bool {
        let begins = |words: &str, with: &str| {
            words.strip_prefix(with).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        let mut parts = self.command.split('|').map(str::trim);
        let first = parts.next().unwrap_or_default();
        LOOKS.iter().any(|look| begins(first, look))
            && parts.all(|part| FILTERS.iter().any(|filter| begins(part, filter)))
            && !self.command.contains([';', '&', '>', '\n'])
    }
}

/// The programs that the page's commands use and that are not here.
pub(crate) fn missing_tools(page: &Page) -> Vec<&'static str> {
    let commands: Vec<_> = steps(page).into_iter().map(|step| step.command).collect();
    let is_part = |c: char| c.is_alphanumeric() || "-_./".contains(c);
    let words: BTreeSet<&str> =
        commands.iter().flat_map(|command| command.split(|c| !is_part(c))).collect();
    TOOLS.into_iter().filter(|tool| words.contains(tool) && !has(tool)).collect()
}

/// Executes them all.
pub(crate) fn check(page: &Page) -> Result<(), String> {
    let steps = steps(page);
    if steps.is_empty() {
        return Ok(());
    }
    let mut shell = Shell::start();
    if env::var_os("RUNGS_UPDATE").is_some() {
        update(page, &steps, &mut shell);
        return Ok(());
    }
    for step in &steps {
        let is_so = |actual: &str| claim::compare(&step.claimed, actual).is_ok();
        let run = if step.only_looks() { Shell::look } else { Shell::run };
        let actual = run(&mut shell, &step.command, is_so);
        claim::compare(&step.claimed, &actual)
            .map_err(|error| format!("{}: $ {}\n{error}", page.place(step.at), step.command))?;
    }
    let rest = shell.rest();
    if rest.is_empty() {
        return Ok(());
    }
    Err(format!("{}: behind the last command came\n{rest}", page.path.display()))
}

/// Writes down what is true.
fn update(page: &Page, steps: &[Step<'_>], shell: &mut Shell) {
    let mut blocks: Vec<(_, String)> = Vec::new();
    for step in steps {
        let actual = shell.listen(&step.command);
        let actual = claim::normalise(&step.claimed, &actual);
        let step_text = format!("$ {}\n{actual}", step.command);
        match blocks.last_mut() {
            Some((range, text)) if *range == step.fence.inside => text.push_str(&step_text),
            _ => blocks.push((step.fence.inside.clone(), step_text)),
        }
    }
    page.rewrite(blocks);
}

/// A command begins with `$ `, and goes on while its lines end in a backslash, or, with a here
/// document, up to its end. What follows is its output.
fn steps(page: &Page) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    for fence in page.fences_of("console") {
        let mut at = fence.inside.start;
        let mut is_command = false;
        for line in page.text[fence.inside.clone()].split_inclusive('\n') {
            let text = line.trim_end_matches('\n');
            if let (false, Some(command)) = (is_command, text.strip_prefix("$ ")) {
                let (command, claimed) = (command.to_owned(), String::new());
                is_command = goes_on(&command);
                steps.push(Step { command, claimed, fence, at });
            } else if let Some(step) =
                steps.last_mut().filter(|step| step.fence.inside == fence.inside)
            {
                let part = if is_command { &mut step.command } else { &mut step.claimed };
                let separator = if is_command { "\n" } else { "" };
                part.push_str(separator);
                part.push_str(if is_command { text } else { line });
                is_command = is_command && goes_on(&step.command);
            } else {
                panic!("{}: a console block begins with a command", page.place(at));
            }
            at += line.len();
        }
    }
    steps
}

fn goes_on(command: &str) -> bool {
    let here = command.split_once("<<'").and_then(|(_, rest)| rest.split_once('\''));
    match here {
        Some((end, text)) => !text.lines().any(|line| line == end),
        None => command.ends_with('\\'),
    }
}
