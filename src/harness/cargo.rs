//! Cargo, and where it has made the programs at hand.

use super::supervise::{Exit, Launch, Server, StartError};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

/// How often it is looked whether cargo is done.
const LOOK: Duration = Duration::from_millis(20);

/// Where this program was built, which is where the rungs are built too.
#[derive(Debug)]
pub struct Profile {
    /// The folder of the programs: `target/release`.
    pub folder: PathBuf,
    /// The manifest they are built from; none where there is no source, as after `cargo install`.
    pub manifest: Option<PathBuf>,
}

impl Profile {
    /// Finds out from the path of the running program.
    pub fn of_this_program() -> Result<Self> {
        let program = env::current_exe().context("find this program")?;
        let folder = program.parent().context("find this program's folder")?.to_owned();
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        // Cargo marks the target folders that it has made by the first, and has the second in all.
        let marks = ["CACHEDIR.TAG", ".rustc_info.json"];
        let is_target = folder
            .parent()
            .is_some_and(|target| marks.iter().any(|mark| target.join(mark).is_file()));
        let manifest = (is_target && manifest.is_file()).then_some(manifest);
        Ok(Self { folder, manifest })
    }

    /// A build of what belongs to a manifest, into the same folder.
    pub fn build(&self, manifest: &Path) -> Launch {
        let launch = cargo().arguments(["build", "--manifest-path"]);
        let mut launch = launch.arguments([manifest]);
        if let Some(target) = self.folder.parent() {
            launch = launch.arguments([Path::new("--target-dir"), target]);
        }
        // Cargo calls the folder of its dev profile "debug".
        match self.folder.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => launch,
            Some(profile) => launch.arguments(["--profile", profile]),
        }
    }
}

fn cargo() -> Launch {
    Launch::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// What came of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Built {
    /// The program is current, and here.
    Yes(PathBuf),
    /// What cargo and the compiler have said.
    No(String),
    /// Somebody stopped it.
    Stopped,
}

/// A line of what cargo prints for programs (The Cargo Book, "JSON messages").
#[derive(Deserialize)]
struct Message {
    /// Of a program that is built, or was already.
    executable: Option<PathBuf>,
}

/// Builds a package that is not this one, in the dev profile, with its programs in a folder
/// `target` of its own; until `stop`. Of several programs the one is meant that is called as the
/// folder is, or else the first. Whatever ends this program ends cargo too.
///
/// # Errors
/// Cargo could not be started.
pub fn build_alone(folder: &Path, stop: &AtomicBool) -> Result<Built, StartError> {
    // In that folder, where cargo looks for `.cargo/config.toml`; with a target folder that is
    // named, so that no variable of the user's moves it.
    let launch = cargo().arguments(["build", "--quiet", "--color", "never", "--target-dir"]);
    let launch = launch.arguments(["target", "--message-format", "json-render-diagnostics"]);
    let program = Server::begin(&launch.directory(folder))?;
    loop {
        match program.exited() {
            Some(Exit::Status(0)) => return Ok(programs(&program.stdout(), folder)),
            Some(_) => return Ok(Built::No(program.stderr())),
            None if stop.load(Ordering::Relaxed) => return Ok(Built::Stopped),
            None => thread::sleep(LOOK),
        }
    }
}

/// Finds the program in what cargo has printed. Libraries come first, and there may be so many that
/// their lines are not kept.
fn programs(printed: &str, folder: &Path) -> Built {
    let messages = printed.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    let mut programs: Vec<_> = messages.filter_map(|message| message.executable).collect();
    programs.sort_by_key(|program| program.file_name() != folder.file_name());
    match programs.into_iter().next() {
        Some(program) => Built::Yes(program),
        None => Built::No("error: this package has no program, such as src/main.rs\n".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_where_cargo_says() {
        let printed = |programs: &[&str]| {
            let lines =
                programs.iter().map(|path| format!("{{\"executable\":\"{path}\",\"n\":1}}\n"));
            let lines: String = lines.collect();
            format!("t off\"}}\n{{\"reason\":\"x\"}}\n{{\"executable\":null}}\n{lines}")
        };
        let found = |text: &[&str]| programs(&printed(text), Path::new("/my/a"));
        assert_eq!(found(&["/t/b", "/t/c"]), Built::Yes("/t/b".into()));
        assert_eq!(found(&["/t/b", "/t/x86_64/debug/a"]), Built::Yes("/t/x86_64/debug/a".into()));
        assert!(matches!(found(&[]), Built::No(_)));
    }
}
