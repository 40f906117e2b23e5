// SPDX-License-Identifier: GPL-2.0-only
//! Kernels, trees and unpacked packages: what takes long to make is kept, and made again only when
//! its sources changed.

use crate::progress::Step;
use anyhow::{Context, Result};
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The folder of the lab's entries, in the chroot: a new chroot starts with none.
pub const FOLDER: &str = "/var/cache/hmark-lab";

/// A folder of entries, each a file or a folder under its name.
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// Opens the lab's own.
    pub fn lab() -> Result<Store> {
        Store::open(Path::new(FOLDER))
    }

    pub fn open(folder: &Path) -> Result<Store> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Store {
            folder: folder.to_path_buf(),
        })
    }

    /// Locks an entry, waiting for another run that makes it.
    pub fn lock(&self, name: &str) -> Result<Flock<File>> {
        self.try_lock(name)?
            .or_else(|file| {
                eprintln!("lab: waiting for another run that makes {name}");
                Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error)
            })
            .with_context(|| format!("cannot lock {name}"))
    }

    /// Locks an entry. If another run has locked it, returns what there is to wait for.
    pub fn try_lock(&self, name: &str) -> Result<Result<Flock<File>, File>> {
        let path = self.folder.join(format!("{name}.lock"));
        let file =
            File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(file, _)| file))
    }

    /// The entry `name`, whose sources `key` tells in full. `make` gets the path to
    /// make it at, where nothing is yet. The key is written last: if it is missing or
    /// another one, the entry is half-made or outdated.
    pub fn entry(
        &self,
        name: &str,
        key: &str,
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let _lock = self.lock(name)?;
        let path = self.folder.join(name);
        let stamp = self.folder.join(format!("{name}.key"));
        if path.exists() && fs::read_to_string(&stamp).is_ok_and(|made| made == key) {
            return Ok(path);
        }
        remove(&stamp)?;
        remove(&path)?;
        make(&path)?;
        fs::write(&stamp, key).with_context(|| format!("cannot write {}", stamp.display()))?;
        Ok(path)
    }

    /// As [`Store::entry`], for what takes long: a step of the same name, which tells `what` it
    /// does.
    pub fn entry_by_step(
        &self,
        name: &str,
        key: &str,
        what: &str,
        make: impl FnOnce(&mut Step, &Path) -> Result<()>,
    ) -> Result<PathBuf> {
        self.entry(name, key, |path| {
            let mut step = Step::begin(name, what)?;
            make(&mut step, path)?;
            step.end("done");
            Ok(())
        })
    }
}

/// Removes a file or a folder, if it is there.
fn remove(path: &Path) -> Result<()> {
    let result = if path.is_dir() {
        fs::remove_dir_all(path)
    } else if path.exists() {
        fs::remove_file(path)
    } else {
        Ok(())
    };
    result.with_context(|| format!("cannot remove {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;
    use std::cell::Cell;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("hmark-lab-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn entry_is_made_once_a_key() {
        let folder = folder("once");
        let store = Store::open(&folder).unwrap();
        let made = Cell::new(0);
        let get = |key: &str| {
            store
                .entry("file", key, |path| {
                    assert!(!path.exists());
                    made.set(made.get() + 1);
                    Ok(fs::write(path, key)?)
                })
                .unwrap()
        };
        get("a");
        get("a");
        assert_eq!(made.get(), 1);
        assert_eq!(fs::read_to_string(get("b")).unwrap(), "b");
        assert_eq!(made.get(), 2);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn half_made_entry_is_made_again() {
        let folder = folder("half");
        let store = Store::open(&folder).unwrap();
        let failed = store.entry("tree", "a", |path| {
            fs::create_dir(path)?;
            fs::write(path.join("half"), "")?;
            bail!("interrupted")
        });
        assert!(failed.is_err());
        let path = store
            .entry("tree", "a", |path| Ok(fs::create_dir(path)?))
            .unwrap();
        assert!(!path.join("half").exists());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn lost_entry_is_made_again() {
        let folder = folder("lost");
        let store = Store::open(&folder).unwrap();
        let make = |path: &Path| Ok(fs::write(path, "whole")?);
        fs::remove_file(store.entry("file", "a", make).unwrap()).unwrap();
        assert!(store.entry("file", "a", make).unwrap().exists());
        fs::remove_dir_all(&folder).unwrap();
    }
}
