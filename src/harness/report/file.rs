//! The file that results are written to: whole at any time, whatever ends the program.

use anyhow::{Context, Result};
use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, ErrorKind, Write},
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::{self, Path, PathBuf},
};
use tempfile::{Builder, NamedTempFile};

/// A file that gets results, again and again while they grow.
#[derive(Debug)]
pub struct ResultFile {
    /// As the user calls it.
    name: PathBuf,
    way: Way,
}

/// How the results get there.
#[derive(Debug)]
enum Way {
    /// In the place of a regular file, or of none, in one step (rename(2)).
    Replace(PathBuf),
    /// Into something that must stay what it is, such as a pipe or a terminal; and only once,
    /// since it keeps all that it gets.
    Into(File),
}

impl ResultFile {
    /// Finds out whether results can be written to `name`, without a change to what is there.
    ///
    /// # Errors
    /// Those of open(2), for the file and for another one beside it.
    pub fn open(name: &Path) -> Result<Self> {
        let way = Way::to(name).with_context(|| format!("create {}", name.display()))?;
        Ok(Self { name: name.to_owned(), way })
    }

    /// Writes results that are not complete, where the next ones will replace them.
    ///
    /// # Errors
    /// As those of [`Self::finish`].
    pub fn update(&self, text: &str) -> Result<()> {
        match &self.way {
            Way::Replace(target) => self.named(replace(target, text)),
            Way::Into(_) => Ok(()),
        }
    }

    /// Writes the last results.
    ///
    /// # Errors
    /// Those of write(2) and rename(2). A regular file is as it was then.
    pub fn finish(mut self, text: &str) -> Result<()> {
        let written = match &mut self.way {
            Way::Replace(target) => replace(target, text),
            Way::Into(file) => file.write_all(text.as_bytes()),
        };
        self.named(written)
    }

    fn named(&self, written: io::Result<()>) -> Result<()> {
        written.with_context(|| format!("write {}", self.name.display()))
    }
}

impl Way {
    fn to(name: &Path) -> io::Result<Self> {
        match fs::metadata(name) {
            Ok(found) if !found.is_file() || is_stdout(&found)? => {
                // Behind what stdout got before, where the two are one file.
                OpenOptions::new().append(true).open(name).map(Self::Into)
            }
            Ok(_) => {
                // rename(2) would ask the folder alone for permission.
                drop(OpenOptions::new().write(true).open(name)?);
                let target = fs::canonicalize(name)?;
                drop(temporary(&target)?);
                Ok(Self::Replace(target))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                drop(File::create_new(name)?);
                fs::remove_file(name)?;
                path::absolute(name).map(Self::Replace)
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether this is what our stdout writes to, under whatever name.
fn is_stdout(found: &Metadata) -> io::Result<bool> {
    let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?).metadata()?;
    Ok((stdout.dev(), stdout.ino()) == (found.dev(), found.ino()))
}

/// A new file beside `target`, from where rename(2) can move it there. It is gone when dropped.
fn temporary(target: &Path) -> io::Result<NamedTempFile> {
    let folder = target.parent().unwrap_or(target);
    Builder::new().prefix(".rungs-").make_in(folder, |path| File::create_new(path))
}

fn replace(target: &Path, text: &str) -> io::Result<()> {
    let new = temporary(target)?;
    new.as_file().write_all(text.as_bytes())?;
    if let Ok(old) = fs::metadata(target) {
        new.as_file().set_permissions(old.permissions())?;
    }
    new.persist(target).map(drop).map_err(|error| error.error)
}
