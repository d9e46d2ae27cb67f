//! Whether somebody has saved a file.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// What a program is made of. An editor's swap files and backups have other endings, as has what
/// cargo writes.
const ENDINGS: [&str; 3] = ["rs", "py", "toml"];

/// How deep folders are looked into: a link may lead round in a circle.
const DEPTH: usize = 8;

/// Looks at the files of a step again and again. That is what a few files need, on any file system
/// and however the editor writes; the kernel's own news (inotify(7)) would not tell of all of them.
#[derive(Debug)]
pub struct Saves {
    folder: PathBuf,
    /// As the files were when a change was told last.
    told: Files,
    /// As they were at the last look.
    seen: Files,
}

/// Path, inode, time of change in nanoseconds, and size of each.
type Files = Vec<(PathBuf, u64, i128, u64)>;

impl Saves {
    /// Watches the program in a folder, which need not be there.
    pub fn of(folder: &Path) -> Self {
        let now = files(folder);
        Self { folder: folder.to_owned(), told: now.clone(), seen: now }
    }

    /// Whether there is something new that was there at the look before as well: who saves by
    /// rename(2), or several files, is not done at once.
    pub fn are_there(&mut self) -> bool {
        let now = files(&self.folder);
        let is_settled = now == self.seen;
        self.seen = now;
        if !is_settled || self.seen == self.told {
            return false;
        }
        self.told.clone_from(&self.seen);
        true
    }
}

fn files(folder: &Path) -> Files {
    let mut files = Vec::new();
    collect(folder, DEPTH, &mut files);
    files.sort();
    files
}

/// What cannot be read is as good as not there.
fn collect(folder: &Path, depth: usize, files: &mut Files) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        // Made by cargo, by Python, or hidden.
        if name == "target" || name == "__pycache__" || name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // Through links.
        let Ok(found) = fs::metadata(&path) else { continue };
        if found.is_dir() && depth > 0 {
            collect(&path, depth - 1, files);
        } else if path.extension().is_some_and(|one| ENDINGS.iter().any(|ending| one == *ending)) {
            let changed =
                i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec());
            files.push((path, found.ino(), changed, found.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a change is told of within three looks, and how often.
    fn told(saves: &mut Saves) -> usize {
        (0..3).filter(|_| saves.are_there()).count()
    }

    #[test]
    fn each_way_to_save_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("server.py");
        let mut saves = Saves::of(folder.path());
        assert_eq!(told(&mut saves), 0);
        fs::write(&file, "1").unwrap();
        assert_eq!(told(&mut saves), 1);
        fs::write(&file, "1, and more").unwrap();
        assert_eq!(told(&mut saves), 1);
        // By rename, with the old file kept.
        fs::write(folder.path().join("server.py~"), "1, and more").unwrap();
        fs::write(folder.path().join("new"), "2, and more").unwrap();
        assert_eq!(told(&mut saves), 0);
        fs::rename(folder.path().join("new"), &file).unwrap();
        assert_eq!(told(&mut saves), 1);
        fs::remove_dir_all(folder.path()).unwrap();
        assert_eq!(told(&mut saves), 1);
    }

    #[test]
    fn what_tools_write_is_no_save() {
        let folder = tempfile::tempdir().unwrap();
        let mut saves = Saves::of(folder.path());
        for path in [
            "target/debug/a.rs",
            "__pycache__/a.py",
            ".git/a.py",
            ".#main.rs",
            ".main.rs.swp",
            "main.rs~",
            "4913",
            "Cargo.lock",
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            assert_eq!(told(&mut saves), 0, "{}", path.display());
        }
    }

    #[test]
    fn a_file_that_is_still_being_written_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut saves = Saves::of(folder.path());
        for size in 1..5 {
            fs::write(folder.path().join("main.rs"), "x".repeat(size)).unwrap();
            assert!(!saves.are_there(), "{size} bytes");
        }
        assert!(saves.are_there());
    }
}
