//! Where the learner is.

use super::super::{described, misuse_hinting, shown};
use crate::{
    harness::{
        cargo::Profile,
        learn::{Entry, Language, Progress, Project, State, Step, Workshop},
        report::{self, ResultFile, Row},
    },
    ladder::Rung,
};
use anyhow::{Context, Error, Result};
use nix::fcntl::{Flock, FlockArg};
use std::{
    borrow::Cow,
    fs::{self, File},
    io::ErrorKind,
    path::{self, Path, PathBuf},
};

/// The folder beside the project's own, if no other is named.
const FOLDER: &str = "my";

/// What a folder lacks that is no step's.
const NO_PROGRAM: &str = "neither Cargo.toml nor server.py";

/// The folder, how far everything in it is, and the step at hand.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) workshop: Workshop,
    pub(super) progress: Progress,
    /// `None` at the end of the ladder.
    pub(super) current: Option<Step>,
    /// What was wrong with the file, to be told.
    pub(super) faults: Vec<String>,
    language: Option<Language>,
    /// The folder as the user named it.
    named: Option<PathBuf>,
    /// What could not be written yet.
    unwritten: Vec<Entry>,
}

impl Place {
    pub(super) fn find(named: Option<&Path>, language: Option<Language>) -> Result<Self> {
        let project = project()?;
        let folder = match (named, &project) {
            (Some(folder), _) => path::absolute(folder).context("find the folder")?,
            (None, Some(project)) => project.folder.join(FOLDER),
            (None, None) => path::absolute(FOLDER).context("find the folder")?,
        };
        let workshop = Workshop { folder, project };
        let (progress, faults) = match read(&file(&workshop)) {
            Ok((progress, faults)) => {
                let name = shown(&file(&workshop));
                (progress, faults.into_iter().map(|one| format!("rungs: {name}: {one}")).collect())
            }
            // Without it a step can be done all the same.
            Err(error) => (Progress::default(), vec![described(&error)]),
        };
        let current = progress.current();
        let named = named.map(Path::to_owned);
        Ok(Self { workshop, progress, current, faults, language, named, unwritten: Vec::new() })
    }

    /// Reads what others have done since, such as a `rungs learn check` in another terminal.
    pub(super) fn refresh(&mut self) {
        // What cannot be read now will be told when it is written.
        if let Ok(progress) = self.merged() {
            self.progress = progress;
        }
    }

    /// A command of `rungs learn` as the learner would type it.
    pub(super) fn call(&self, work: &str) -> String {
        let folder = self.named.as_ref().map(|folder| format!(" --folder {}", typed(folder)));
        format!("rungs learn {work}{}", folder.unwrap_or_default())
    }

    pub(super) fn named_or_current(&self, name: Option<&str>) -> Result<Step> {
        match name {
            Some(name) => super::step(name),
            None => self.current.ok_or_else(|| {
                misuse_hinting("all is done".to_owned(), "name the rung; `rungs list` shows all")
            }),
        }
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        let current = self.current.map(|step| step.rung.name);
        let row = |step: Step| {
            let entry = self.progress.of(step.rung);
            Row {
                step,
                state: entry.map(|entry| entry.state),
                language: entry.and_then(|entry| entry.language),
                is_current: current == Some(step.rung.name),
            }
        };
        Step::all().map(row).collect()
    }

    /// Whether nobody has said yet what to write in.
    pub(super) fn is_undecided(&self) -> bool {
        self.language.or_else(|| self.progress.language()).is_none()
    }

    /// What a new step is written in.
    fn language(&self) -> Language {
        self.language.or_else(|| self.progress.language()).unwrap_or_default()
    }

    /// Begins a step, and says how. Its progress is not written yet.
    ///
    /// # Errors
    /// There is nothing to begin, it is there already, or it cannot be written.
    pub(super) fn start(&self, step: &Step) -> Result<String> {
        let name = step.rung.name;
        let folder = self.workshop.folder_of(step.rung);
        let language = self.language();
        if step.goal.is_none() {
            let next =
                Step::all().find(|one| one.goal.is_some() && one.rung.number > step.rung.number);
            let next = next.map_or("iterativeserver", |step| step.rung.name);
            let said = match step.rung.base {
                None => format!("{name} is the ground, and there is nothing to make it from"),
                Some(_) => format!("{name} has no probe of its own, and is only to be read"),
            };
            let [read, start] = [format!("read {name}"), format!("start {next}")];
            let hint = format!("`{}`, then `{}`", self.call(&read), self.call(&start));
            return Err(misuse_hinting(said, &hint));
        }
        if fs::symlink_metadata(&folder).is_ok() {
            let said = format!("{} is there already, and stays as it is", shown(&folder));
            let hint = match self.program(step) {
                Some(_) => {
                    let check = self.call(&format!("check {name}"));
                    format!("`{check}` checks it; rename it to begin anew")
                }
                None => format!("there is no program in it: {NO_PROGRAM}; rename it to begin anew"),
            };
            return Err(misuse_hinting(said, &hint));
        }
        if !self.workshop.has(language) {
            let said = format!("the sources of the rungs, which {name} begins with, are not here");
            let hint = "run the program of a clone of the project, or say --lang python";
            return Err(misuse_hinting(said, hint));
        }
        let base = self.workshop.start(step, language)?;
        Ok(match step.rung.base {
            Some(wanted) if wanted != base.name => {
                format!("begun as {}: there is no {wanted} in {}\n", base.name, language.name())
            }
            _ => format!("begun as {}\n", base.name),
        })
    }

    /// Notes how far a step is, here and in the file.
    ///
    /// # Errors
    /// It could not be written. It is noted here all the same, and written with the next.
    pub(super) fn set(&mut self, step: &Step, state: State) -> Result<()> {
        let folder = self.workshop.folder_of(step.rung);
        // What is passed with a server, in whatever it is written; else what was meant. To read a
        // step is to choose no language.
        let language = Language::of(&folder).or(self.language);
        let language = language.or_else(|| step.goal.map(|_| self.language()));
        let entry = Entry { rung: step.rung, state, language };
        self.progress.set(entry);
        self.unwritten.push(entry);
        self.progress = self.written()?;
        self.unwritten.clear();
        Ok(())
    }

    /// Adds to the file as it is now: somebody else may have written it since.
    fn written(&self) -> Result<Progress> {
        let (folder, file) = (&self.workshop.folder, file(&self.workshop));
        let name = || format!("write {}", shown(&file));
        fs::create_dir_all(folder).with_context(name)?;
        let locked = Flock::lock(File::open(folder).with_context(name)?, FlockArg::LockExclusive);
        // On file systems without locks two at once are a risk that is borne.
        let _locked = locked.ok();
        let progress = self.merged()?;
        ResultFile::open(&file)?.finish(&progress.to_string())?;
        Ok(progress)
    }

    /// What the file says now, and what could not be written to it yet.
    fn merged(&self) -> Result<Progress> {
        let (mut progress, _) = read(&file(&self.workshop))?;
        for &entry in &self.unwritten {
            progress.set(entry);
        }
        Ok(progress)
    }

    /// What a step asks, in words.
    pub(super) fn step_text(&self, step: &Step) -> String {
        let lesson = step.rung.lesson();
        let lesson = match self.lesson(step.rung) {
            Some(_) => lesson,
            None => format!("{lesson} is not there; src/bin/{}.rs is the rung", step.rung.name),
        };
        let begun = self.program(step).map(|program| {
            let by_hand = match Language::of(&self.workshop.folder_of(step.rung)) {
                Some(Language::Python) => format!("python3 {}", typed(&program)),
                _ => format!("cd {} && cargo run", typed(&self.workshop.folder_of(step.rung))),
            };
            (shown(&program), by_hand)
        });
        let begun = begun.as_ref().map(|(program, by_hand)| (&program[..], &by_hand[..]));
        report::step_text(step, &lesson, begun)
    }

    /// What the project does in this step, as a unified diff, and in which language: the learner's,
    /// where it has that.
    pub(super) fn solution(&self, step: &Step) -> Result<(String, Language)> {
        let language = Language::of(&self.workshop.folder_of(step.rung)).unwrap_or_default();
        let language = if language.has(step.rung) { language } else { Language::Rust };
        Ok((self.workshop.solution(step, language)?, language))
    }

    /// Why a step cannot be checked that has a folder, or none.
    pub(super) fn not_begun(&self, step: &Step) -> Error {
        let (name, folder) = (step.rung.name, self.workshop.folder_of(step.rung));
        if folder.exists() {
            let said = format!("{} has no program: {NO_PROGRAM}", shown(&folder));
            let start = self.call(&format!("start {name}"));
            return misuse_hinting(said, &format!("rename it, and `{start}` begins it anew"));
        }
        let hint = format!("`{}` begins it", self.call(&format!("start {name}")));
        misuse_hinting(format!("{name} is not begun"), &hint)
    }

    /// The program of a step that is begun.
    pub(super) fn program(&self, step: &Step) -> Option<PathBuf> {
        self.workshop.program_of(step.rung)
    }

    /// The file of a lesson, if it is there.
    pub(super) fn lesson(&self, rung: &Rung) -> Option<PathBuf> {
        let lesson = self.workshop.project.as_ref()?.folder.join(rung.lesson());
        lesson.is_file().then_some(lesson)
    }
}

fn project() -> Result<Option<Project>> {
    let Profile { folder, manifest } = Profile::of_this_program()?;
    let project = || {
        let manifest = fs::canonicalize(manifest?).ok()?;
        let target = fs::canonicalize(folder.parent()?).ok()?;
        Some(Project { folder: manifest.parent()?.to_owned(), target })
    };
    Ok(project())
}

fn file(workshop: &Workshop) -> PathBuf {
    workshop.folder.join("progress")
}

/// The progress in a file, none if it is not there, and what of it is not understood.
fn read(file: &Path) -> Result<(Progress, Vec<String>)> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Progress::parse(&text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(<_>::default()),
        Err(error) => Err(error).with_context(|| format!("read {}", shown(file))),
    }
}

/// A path as the learner would type it here, in a shell.
fn typed(path: &Path) -> String {
    let shown = shown(path);
    // There is no NUL in a path.
    shlex::try_quote(&shown).map_or_else(|_| shown.clone(), Cow::into_owned)
}
