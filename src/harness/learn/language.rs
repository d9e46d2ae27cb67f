//! In what a step is written.

use crate::ladder::Rung;
use std::{fs, io, path::Path};

/// A language in which there are programs to begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// The rungs' own.
    #[default]
    Rust,
    /// With the same defects at the same places, and the standard library alone.
    Python,
}

/// The rungs in Python that are somebody's base.
const SKELETONS: &[(&str, &str)] = &[
    ("webserver1", include_str!("skeletons/webserver1.py")),
    ("iterativeserver", include_str!("skeletons/iterativeserver.py")),
    ("concurrentserver2", include_str!("skeletons/concurrentserver2.py")),
    ("concurrentserver", include_str!("skeletons/concurrentserver.py")),
    ("concurrentserver_eintr", include_str!("skeletons/concurrentserver_eintr.py")),
    ("concurrentserver3", include_str!("skeletons/concurrentserver3.py")),
];

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Rust, Self::Python];

    /// What it is called on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.name() == name)
    }

    /// What the folder of a step is written in.
    pub fn of(folder: &Path) -> Option<Self> {
        let marks = [(Self::Rust, "Cargo.toml"), (Self::Python, Self::Python.file())];
        marks
            .into_iter()
            .find(|(_, mark)| folder.join(mark).is_file())
            .map(|(language, _)| language)
    }

    /// The program's file, in the folder of its step.
    pub fn file(self) -> &'static str {
        match self {
            Self::Rust => "src/main.rs",
            Self::Python => "server.py",
        }
    }

    /// What begins the lines of a program's head.
    pub(super) fn comment(self) -> &'static str {
        match self {
            Self::Rust => "//!",
            Self::Python => "#",
        }
    }

    /// Whether a rung is written in it.
    pub fn has(self, rung: &Rung) -> bool {
        self == Self::Rust || SKELETONS.iter().any(|(name, _)| *name == rung.name)
    }

    /// The program of a rung, without its head; `project` is where the rungs' sources are.
    pub(super) fn source(self, rung: &Rung, project: &Path) -> io::Result<String> {
        let text = match self {
            Self::Rust => fs::read_to_string(project.join(format!("src/bin/{}.rs", rung.name)))?,
            Self::Python => {
                let found = SKELETONS.iter().find(|(name, _)| *name == rung.name);
                found.ok_or(io::ErrorKind::NotFound)?.1.to_owned()
            }
        };
        let is_head = |line: &&str| line.starts_with(self.comment());
        Ok(text.split_inclusive('\n').skip_while(is_head).collect())
    }
}
