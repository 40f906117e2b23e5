// SPDX-License-Identifier: GPL-2.0-only

//! Writes this host's files into a folder.

use std::fs;
use std::path::Path;

use anyhow::{bail, Context, Result};

use super::source::run;
use super::{File, Part};

/// A file that was written, or the reason why it was not.
pub struct Saved {
    /// The file.
    pub file: File,
    /// Its size in bytes, or the reason.
    pub outcome: Result<usize, String>,
}

/// Writes all files of this host into a folder, which is made if there is none. Root is needed for the rules
/// of iptables. A file whose command fails is removed, so that it is not of another time than the others.
///
/// # Errors
///
/// If the folder cannot be written to.
pub fn save(folder: &Path) -> Result<Vec<Saved>> {
    if folder.exists() && !folder.is_dir() {
        bail!("{} is no folder", folder.display());
    }
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut all = Vec::new();
    for file in File::ALL {
        let path = folder.join(file.name());
        let shown = || path.display().to_string();
        let outcome = match run::<()>(file) {
            Ok(text) => {
                fs::write(&path, &text).with_context(shown)?;
                Ok(text.len())
            }
            Err(part) => {
                if path.exists() {
                    fs::remove_file(&path).with_context(shown)?;
                }
                match part {
                    Part::Missing(_) if file.is_optional() => continue,
                    Part::Missing(reason) => Err(reason.to_string()),
                    Part::Broken(what) => Err(what),
                    Part::Known(()) => continue,
                }
            }
        };
        all.push(Saved { file, outcome });
    }
    Ok(all)
}
