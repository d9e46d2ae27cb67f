//! The runs that are kept, side by side: a folder each.

use super::super::misuse_hinting;
use crate::harness::{
    cargo::Profile,
    compare::Comparison,
    report::{self, Earlier, ResultFile},
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

/// The files of a run: its figures, and the page that shows them.
const FILE: &str = "comparison.json";
const PAGE: &str = "report.html";

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
    figures: ResultFile,
    page: ResultFile,
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
            let [figures, page] = [FILE, PAGE].map(|name| ResultFile::open(&folder.join(name)));
            return Ok(Run { folder, figures: figures?, page: page?, runs: self.folder.clone() });
        }
        unreachable!("names do not end")
    }
}

/// The file of an earlier run, by its name, or by the path of its folder or file.
///
/// # Errors
/// There is no such run; `option` is who asks for it.
pub(super) fn file(option: &str, runs: Option<&Runs>, named: &Path) -> Result<PathBuf> {
    let candidates = runs.iter().map(|runs| runs.folder.join(named)).chain([named.to_owned()]);
    let mut files = candidates.flat_map(|path| [path.join(FILE), path]);
    files.find(|file| file.is_file()).ok_or_else(|| unknown(option, runs, named))
}

/// What to call an earlier run: the name that it was given, and for `latest`, which leads elsewhere
/// soon, where to.
pub(super) fn name(named: &Path, file: &Path) -> String {
    let run = file.parent().and_then(|folder| fs::read_link(folder).ok());
    let run = run.map(|run| format!(" ({})", run.display())).unwrap_or_default();
    format!("{}{run}", named.display())
}

/// An earlier run.
///
/// # Errors
/// The file cannot be read, or is no comparison, or a damaged one.
pub(super) fn read(file: &Path) -> Result<Comparison> {
    report::comparison_of_json(&fs::read_to_string(file)?)
}

fn unknown(option: &str, runs: Option<&Runs>, named: &Path) -> Error {
    let said = format!("{option} {}: no such run", named.display());
    let Some(Runs { folder }) = runs else {
        return misuse_hinting(said, "--runs DIR says where runs are kept");
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter(|entry| entry.path().join(FILE).is_file());
    let mut names: Vec<_> = names.map(|entry| entry.file_name()).collect();
    names.sort();
    let names: Vec<_> = names.iter().rev().take(5).map(|name| name.display().to_string()).collect();
    let hint = match &names[..] {
        [] => format!("there is none in {} yet", folder.display()),
        names => format!("there are {}", names.join(", ")),
    };
    misuse_hinting(said, &hint)
}

impl Run {
    /// Writes the figures that there are so far, and the page of them.
    pub(super) fn update(&self, so_far: &Comparison, earlier: Option<&Earlier>) {
        let figures = report::comparison_json(so_far).map_err(Error::from);
        let written = figures
            .and_then(|figures| self.figures.update(&figures))
            .and_then(|()| self.page.update(&report::comparison_html(so_far, earlier)));
        // It is tried again at the end, with an error.
        if written.is_ok() {
            link(&self.runs, &self.folder);
        }
    }

    /// Writes all, and says where the page is. A run without a figure is not kept: `latest` stays
    /// what it was.
    pub(super) fn finish(
        self,
        comparison: &Comparison,
        earlier: Option<&Earlier>,
    ) -> Result<Option<PathBuf>> {
        if !comparison.is_measured() {
            fs::remove_dir(&self.folder).ok();
            return Ok(None);
        }
        self.figures.finish(&report::comparison_json(comparison)?).inspect_err(|_| {
            // What is empty need not stay.
            fs::remove_dir(&self.folder).ok();
        })?;
        link(&self.runs, &self.folder);
        self.page.finish(&report::comparison_html(comparison, earlier))?;
        Ok(Some(self.folder.join(PAGE)))
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
