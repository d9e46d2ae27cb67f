//! The runs that are kept, side by side: a folder each.

use super::super::{misuse_hinting, say};
use crate::harness::{
    cargo::Profile,
    compare::Comparison,
    report::{self, ResultFile},
};
use anyhow::{Context, Error, Result};
use humantime::format_rfc3339_seconds;
use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process,
    time::SystemTime,
};

/// The file of a run.
const FILE: &str = "comparison.json";

/// The name of the newest run, which is a link to it.
const LATEST: &str = "latest";

/// The folder of all runs.
#[derive(Debug)]
pub(super) struct Runs {
    folder: PathBuf,
}

/// A run that grows.
#[derive(Debug)]
pub(super) struct Run {
    folder: PathBuf,
    file: ResultFile,
    runs: PathBuf,
}

impl Runs {
    /// `None` for a program that is in no target folder of cargo's, where none is named.
    pub(super) fn find(named: Option<&Path>) -> Result<Option<Self>> {
        if let Some(folder) = named {
            return Ok(Some(Self { folder: folder.to_owned() }));
        }
        let Profile { folder, manifest } = Profile::of_this_program()?;
        let target = manifest.as_ref().and(folder.parent());
        Ok(target.map(|target| Self { folder: target.join("rungs") }))
    }

    /// Makes the folder of a run that begins, named by its time, and the link to it.
    pub(super) fn begin(&self) -> Result<Run> {
        let made = || format!("make a folder in {}", self.folder.display());
        fs::create_dir_all(&self.folder).with_context(made)?;
        // A colon would be a riddle in many a program.
        let time = format_rfc3339_seconds(SystemTime::now()).to_string().replace(':', "-");
        let names = (1..).map(|n| if n == 1 { time.clone() } else { format!("{time}-{n}") });
        for name in names {
            let folder = self.folder.join(&name);
            match fs::create_dir(&folder) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                result => result.with_context(made)?,
            }
            let file = ResultFile::open(&folder.join(FILE))?;
            return Ok(Run { folder, file, runs: self.folder.clone() });
        }
        unreachable!("names do not end")
    }

    /// An earlier run, by its name, or by the path of its folder or file. One that is damaged is
    /// named, and left out.
    ///
    /// # Errors
    /// There is no such run.
    pub(super) fn earlier(&self, named: &Path) -> Result<Option<Comparison>> {
        let candidates = [self.folder.join(named), named.to_owned()];
        let files = candidates.iter().flat_map(|path| [path.join(FILE), path.clone()]);
        let Some(file) = files.into_iter().find(|file| file.is_file()) else {
            return Err(self.unknown(named));
        };
        let read = fs::read_to_string(&file).map_err(Error::from);
        match read.and_then(|text| report::comparison_of_json(&text)) {
            Ok(comparison) => Ok(Some(comparison)),
            Err(error) => {
                say(&format!("rungs: {}: left out: {error:#}", file.display()));
                Ok(None)
            }
        }
    }

    fn unknown(&self, named: &Path) -> Error {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.filter(|entry| entry.path().join(FILE).is_file());
        let mut names: Vec<_> = names.map(|entry| entry.file_name()).collect();
        names.sort();
        let names: Vec<_> =
            names.iter().rev().take(5).map(|name| name.display().to_string()).collect();
        let hint = match &names[..] {
            [] => format!("there is none in {} yet", self.folder.display()),
            names => format!("there are {}", names.join(", ")),
        };
        misuse_hinting(format!("--against {}: no such run", named.display()), &hint)
    }
}

impl Run {
    /// Writes what there is so far.
    pub(super) fn update(&self, json: &str) {
        // It is tried again at the end, with an error.
        if self.file.update(json).is_ok() {
            link(&self.runs, &self.folder);
        }
    }

    /// Writes all, and says where.
    pub(super) fn finish(self, json: &str) -> Result<PathBuf> {
        self.file.finish(json).inspect_err(|_| {
            // What is empty need not stay.
            fs::remove_dir(&self.folder).ok();
        })?;
        link(&self.runs, &self.folder);
        Ok(self.folder)
    }
}

/// Has `latest` mean a run that has figures. That it cannot, as on some file systems, costs only the
/// name.
fn link(runs: &Path, run: &Path) {
    let new = runs.join(format!(".latest-{}", process::id()));
    let name = run.file_name().unwrap_or_default();
    if symlink(name, &new).is_ok() && fs::rename(&new, runs.join(LATEST)).is_err() {
        fs::remove_file(&new).ok();
    }
}
