//! The learner's folder.

use super::{language::Language, step::Step};
use crate::ladder::Rung;
use anyhow::{Context, Result};
use similar::TextDiff;
use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};
use tempfile::Builder;
use textwrap::Options;

/// The crates of the project that a rung may call.
const CRATES: [&str; 5] = ["io-uring", "mio", "nix", "slab", "socket2"];

/// How wide the head of a program is, as the rungs are.
const WIDTH: usize = 100;

/// The project: its sources, and where cargo keeps what it has compiled.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its folder.
    pub folder: PathBuf,
    /// Its target folder.
    pub target: PathBuf,
}

/// The folder of a learner's servers, one folder a step.
#[derive(Clone, Debug)]
pub struct Workshop {
    /// The folder.
    pub folder: PathBuf,
    /// What Rust steps stand on; `None` where it is not.
    pub project: Option<Project>,
}

impl Workshop {
    /// The folder of a step, which need not be there.
    pub fn folder_of(&self, rung: &Rung) -> PathBuf {
        self.folder.join(rung.name)
    }

    /// The program of a step that is begun; `None` of one that is not.
    pub fn program_of(&self, rung: &Rung) -> Option<PathBuf> {
        let folder = self.folder_of(rung);
        Language::of(&folder).map(|language| folder.join(language.file()))
    }

    /// Whether a step can begin in this language.
    pub fn has(&self, language: Language) -> bool {
        language == Language::Python || self.project.is_some()
    }

    /// Begins a step: its folder gets a copy of its base, which is returned; all of it or nothing.
    ///
    /// # Errors
    /// Those of the file system, such as that the folder is there already.
    pub fn start(&self, step: &Step, language: Language) -> Result<&'static Rung> {
        let base = step.base(language).context("it has no base to begin from")?;
        let program = head(step, base, language) + &self.source(base, language)?;
        let what = || format!("make {}", self.folder_of(step.rung).display());
        fs::create_dir_all(&self.folder).with_context(what)?;
        let around = fs::canonicalize(&self.folder).with_context(what)?;
        let folder = around.join(step.rung.name);
        let mut files = vec![(language.file(), program)];
        if let (Language::Rust, Some(project)) = (language, &self.project) {
            files.extend(project.files(step.rung, &folder)?);
        }
        let make = || {
            let new = Builder::new().prefix(".begin-").tempdir_in(&around)?;
            for (name, text) in files {
                let path = new.path().join(name);
                fs::create_dir_all(path.parent().unwrap_or(new.path()))?;
                fs::write(path, text)?;
            }
            // As mkdir(2) makes them; a temporary one is its owner's alone.
            fs::set_permissions(new.path(), fs::metadata(&around)?.permissions())?;
            fs::rename(new.path(), &folder)
        };
        make().with_context(what)?;
        Ok(base)
    }

    fn source(&self, rung: &Rung, language: Language) -> Result<String> {
        let project = self.project.as_ref().map_or(Path::new(""), |project| &project.folder);
        language.source(rung, project).with_context(|| format!("read the program of {}", rung.name))
    }

    /// What the project does in this step, as a unified diff: its base, and the rung.
    ///
    /// # Errors
    /// Those of the file system; the rung is not written in this language.
    pub fn solution(&self, step: &Step, language: Language) -> Result<String> {
        let base = step.base(language).context("it has no base")?;
        let (before, after) = (self.source(base, language)?, self.source(step.rung, language)?);
        let diff = TextDiff::from_lines(&before, &after);
        Ok(diff.unified_diff().header(base.name, step.rung.name).to_string())
    }
}

impl Project {
    /// What makes a program a project of its own.
    fn files(&self, rung: &Rung, folder: &Path) -> Result<[(&'static str, String); 3]> {
        let read = |name| {
            let path = self.folder.join(name);
            fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
        };
        let (manifest, lock) = (read("Cargo.toml")?, read("Cargo.lock")?);
        let is_crate =
            |line: &&str| line.split_once(" = ").is_some_and(|(name, _)| CRATES.contains(&name));
        let crates: Vec<_> = manifest.lines().filter(is_crate).collect();
        let (project, target) =
            (self.seen_from(folder, &self.folder), self.seen_from(folder, &self.target));
        let manifest = format!(
            r#"[package]
name = "{name}"
# Cargo tells steps that share a build folder apart by name and version.
version = "0.1.0+{mark}"
edition = "2024"
publish = false

[dependencies]
# What the rungs lean on, `rungs::serve`, and the crates that they call.
rungs = {{ path = {project:?} }}
{crates}

[lints.rust]
unsafe_code = "warn"

[workspace]
"#,
            name = rung.name,
            mark = mark(folder),
            crates = crates.join("\n"),
        );
        let config = format!(
            "# All steps share what is compiled for them, with the project (cargo 1.91).\n\
             [build]\nbuild-dir = {target:?}\n"
        );
        // With the same versions nothing need be fetched.
        let lock = ("Cargo.lock", lock);
        Ok([("Cargo.toml", manifest), lock, (".cargo/config.toml", config)])
    }

    /// A path as seen from a folder: inside the project relative, so that all may be moved together.
    fn seen_from(&self, folder: &Path, path: &Path) -> String {
        let inside = |path: &Path| Some(path.strip_prefix(&self.folder).ok()?.to_owned());
        let seen = match (inside(folder), inside(path)) {
            (Some(folder), Some(rest)) => {
                let up: PathBuf = folder.iter().map(|_| "..").collect();
                if rest.as_os_str().is_empty() { up } else { up.join(rest) }
            }
            _ => path.to_owned(),
        };
        seen.display().to_string()
    }
}

/// What tells a folder's package from one of the same name in another folder. To cargo both are one
/// where they share a build folder, since it takes their paths from each one's own root: it then
/// takes what was compiled for one as the other's, if that was saved before.
fn mark(folder: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    folder.hash(&mut hasher);
    format!("{:x}", hasher.finish())
}

/// What the learner reads first.
fn head(step: &Step, base: &Rung, language: Language) -> String {
    let Rung { number, name, idea, .. } = step.rung;
    let from = match step.rung.base {
        Some(wanted) if wanted != base.name => format!(
            "It begins as rung {}, {}, since there is no {wanted} to begin from in {}.",
            base.number,
            base.name,
            language.name()
        ),
        _ => format!(
            "It begins as rung {}, {}. What breaks: {}.",
            base.number, base.name, base.breaks
        ),
    };
    let probes: Vec<_> = step.own_probes().iter().map(|probe| probe.name).collect();
    let lines = [
        format!("Your rung {number}, {name}: {idea}."),
        String::new(),
        from,
        format!("To pass: {}; `rungs check --list` says what that is.", probes.join(", ")),
        format!("`rungs learn` checks it at each save, `rungs learn check {name}` once."),
        format!("Lesson: {} in the project's folder.", step.rung.lesson()),
    ];
    let sign = language.comment();
    let (first, others) = (format!("{sign} "), format!("{sign} "));
    let options = Options::new(WIDTH).initial_indent(&first).subsequent_indent(&others);
    let filled = lines.iter().map(|line| match &line[..] {
        "" => format!("{sign}\n"),
        line => textwrap::fill(line, &options) + "\n",
    });
    filled.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_inside_the_project_is_relative() {
        let project = Project { folder: "/p".into(), target: "/p/target".into() };
        let seen = |folder, path| project.seen_from(Path::new(folder), Path::new(path));
        assert_eq!(seen("/p/my/a", "/p"), "../..");
        assert_eq!(seen("/p/my/a", "/p/target"), "../../target");
        assert_eq!(seen("/p/my/a", "/elsewhere"), "/elsewhere");
        assert_eq!(seen("/tmp/a", "/p/target"), "/p/target");
    }

    #[test]
    fn the_head_says_what_it_begins_as_and_how_to_go_on() {
        let head = |name: &str, language| {
            let step = Step::of(Rung::named(name).unwrap());
            head(&step, step.base(language).unwrap(), language)
        };
        let text = head("concurrentserver", Language::Python);
        assert!(text.starts_with("# Your rung 4, concurrentserver: close"), "{text}");
        assert!(text.contains("It begins as rung 3, concurrentserver2. What breaks:"), "{text}");
        assert!(text.contains("ends, descriptors, descriptor-limit"), "{text}");
        assert!(text.lines().all(|line| line.starts_with('#') && line.len() <= WIDTH), "{text}");
        let text = head("epollserver", Language::Rust);
        assert!(text.lines().all(|line| line.starts_with("//!")), "{text}");
    }
}
