//! Where the rungs' programs are, and cargo to make them.

use super::Subject;
use crate::ladder::Rung;
use anyhow::{Context, Result};
use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Where this program was built, which is where the rungs are built too.
#[derive(Debug)]
pub struct Profile {
    /// The folder of the programs: `target/release`.
    folder: PathBuf,
    /// The manifest they are built from; none where there is no source, as after `cargo install`.
    manifest: Option<PathBuf>,
}

impl Profile {
    /// Finds out from the path of the running program.
    pub fn of_this_program() -> Result<Self> {
        let program = env::current_exe().context("find this program")?;
        let folder = program.parent().context("find this program's folder")?.to_owned();
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        // Cargo marks its target folders so.
        let is_target = folder.parent().is_some_and(|target| target.join("CACHEDIR.TAG").is_file());
        let manifest = (is_target && manifest.is_file()).then_some(manifest);
        Ok(Self { folder, manifest })
    }

    fn cargo(&self, manifest: &Path) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        command.arg("build").arg("--manifest-path").arg(manifest).stdin(Stdio::null());
        command.args(
            self.folder.parent().map(|target| [Path::new("--target-dir"), target]).iter().flatten(),
        );
        // Cargo calls the folder of its dev profile "debug".
        match self.folder.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => {}
            Some(profile) => {
                command.args(["--profile", profile]);
            }
        }
        command
    }

    fn subject(&self, rung: &'static Rung, failure: Option<String>) -> Subject {
        let program = self.folder.join(rung.name);
        let missing = || {
            format!("{}: no such program\nhint: cargo build --release --bins", program.display())
        };
        let failure = failure.or_else(|| (!program.is_file()).then(missing));
        Subject::Rung(rung, failure.map_or_else(|| Ok(self.folder.clone()), Err))
    }
}

/// Makes the programs of these rungs current, or says of each why it could not. Cargo's progress
/// goes to stderr.
pub fn build(profile: &Profile, rungs: &[&'static Rung]) -> Vec<Subject> {
    let all_built = match &profile.manifest {
        Some(manifest) => {
            let mut cargo = profile.cargo(manifest);
            cargo.arg("--keep-going").args(rungs.iter().flat_map(|rung| ["--bin", rung.name]));
            cargo.status().is_ok_and(|status| status.success())
        }
        None => true,
    };
    let failure = |rung: &Rung| (!all_built).then(|| why_not(profile, rung)).flatten();
    rungs.iter().map(|rung| profile.subject(rung, failure(rung))).collect()
}

/// Builds one rung by itself; if that fails, the first error that the compiler names.
fn why_not(profile: &Profile, rung: &Rung) -> Option<String> {
    let mut cargo = profile.cargo(profile.manifest.as_deref()?);
    match cargo.args(["--quiet", "--bin", rung.name]).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let first = stderr.lines().find(|line| line.starts_with("error")).unwrap_or("error");
            Some(format!("build {}: {first}", rung.name))
        }
        Err(error) => Some(format!("run cargo: {error}")),
    }
}
