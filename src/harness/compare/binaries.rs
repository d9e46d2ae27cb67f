//! Where the rungs' programs are, and cargo to make them.

use super::{
    super::supervise::{self, Exit, Launch},
    Subject,
};
use crate::ladder::Rung;
use anyhow::{Context, Result};
use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
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
        // Cargo marks the target folders that it has made by the first, and has the second in all.
        let marks = ["CACHEDIR.TAG", ".rustc_info.json"];
        let is_target = folder
            .parent()
            .is_some_and(|target| marks.iter().any(|mark| target.join(mark).is_file()));
        let manifest = (is_target && manifest.is_file()).then_some(manifest);
        Ok(Self { folder, manifest })
    }

    fn cargo(&self, manifest: &Path) -> Launch {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let launch = Launch::new(cargo).arguments(["build", "--manifest-path"]);
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

    fn subject(&self, rung: &'static Rung, failure: Option<String>) -> Subject {
        let program = self.folder.join(rung.name);
        let missing = || {
            format!("{}: no such program\nhint: cargo build --release --bins", program.display())
        };
        let failure = failure.or_else(|| (!program.is_file()).then(missing));
        Subject::Rung(rung, failure.map_or_else(|| Ok(self.folder.clone()), Err))
    }
}

/// Makes the programs of these rungs current, or says of each why it could not; `before` is called
/// with what is built next. Cargo's progress goes to stderr. The supervisor runs it as it runs
/// servers: whatever ends this program ends cargo too, and the compilers that cargo has started.
pub fn build(profile: &Profile, rungs: &[&'static Rung], before: &dyn Fn(&str)) -> Vec<Subject> {
    let all_built = match &profile.manifest {
        Some(manifest) => {
            match rungs {
                [one] => before(&format!("building {} with cargo", one.name)),
                many => before(&format!("building {} rungs with cargo", many.len())),
            }
            let cargo = profile.cargo(manifest).arguments(["--keep-going"]).shown();
            let cargo = cargo.arguments(rungs.iter().flat_map(|rung| ["--bin", rung.name]));
            supervise::run(&cargo).is_ok_and(|finished| finished.exit == Exit::Status(0))
        }
        None => true,
    };
    let failure = |rung: &Rung| {
        if all_built {
            return None;
        }
        before(&format!("building {} by itself, to see whether it fails", rung.name));
        why_not(profile, rung)
    };
    rungs.iter().map(|rung| profile.subject(rung, failure(rung))).collect()
}

/// Builds one rung by itself; if that fails, the first error that the compiler names.
fn why_not(profile: &Profile, rung: &Rung) -> Option<String> {
    let cargo = profile.cargo(profile.manifest.as_deref()?);
    match supervise::run(&cargo.arguments(["--quiet", "--bin", rung.name])) {
        Ok(finished) if finished.exit == Exit::Status(0) => None,
        Ok(finished) => {
            let mut lines = finished.stderr.lines();
            let first = lines.find(|line| line.starts_with("error")).unwrap_or("error");
            Some(format!("build {}: {first}", rung.name))
        }
        Err(error) => Some(error.to_string()),
    }
}
