// SPDX-License-Identifier: GPL-2.0-only

//! Where a host's files come from: commands on this host, or a folder.

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::PathBuf;

use anyhow::Result;

use super::program::{self, Failure};
use super::{sysctls, File, Part};
use crate::cannot_tell::CannotTell;

/// The largest file in bytes: that of a host with all routes of the Internet is about 150 MB.
const LARGEST: u64 = 1 << 29;

/// The source of a host's files.
#[derive(Clone, Debug)]
pub enum Source {
    /// Commands, and settings under `/proc/sys`.
    Live,
    /// The files of a folder.
    Folder(PathBuf),
}

impl Source {
    /// A file, as its text is read by `read`.
    pub fn part<T>(&self, file: File, read: impl Fn(&[u8]) -> Result<T>) -> Part<T> {
        let text = match self.text(file) {
            Ok(text) => text,
            Err(part) => return part,
        };
        match read(&text) {
            Ok(part) => Part::Known(part),
            Err(error) => Part::Broken(format!("{}: {error:#}", self.shown(file))),
        }
    }

    /// The text of a file.
    fn text<T>(&self, file: File) -> Result<Vec<u8>, Part<T>> {
        match self {
            Self::Live => run(file),
            Self::Folder(_) => self.open(file),
        }
    }

    fn open<T>(&self, file: File) -> Result<Vec<u8>, Part<T>> {
        let shown = self.shown(file);
        let read = |file: fs::File| {
            let mut text = Vec::new();
            // One byte more, to see that a file is larger.
            file.take(LARGEST.saturating_add(1))
                .read_to_end(&mut text)?;
            Ok::<_, io::Error>(text)
        };
        match fs::File::open(&shown).and_then(read) {
            Ok(text) if u64::try_from(text.len()).is_ok_and(|length| length <= LARGEST) => Ok(text),
            Ok(_) => Err(Part::Broken(format!(
                "{shown}: it has more than {LARGEST} bytes"
            ))),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let command = file.command().join(" ");
                let reason = format!("there is no {shown}, the output of `{command}`");
                Err(Part::Missing(CannotTell::because(reason)))
            }
            Err(error) => Err(Part::Broken(format!("{shown}: {error}"))),
        }
    }

    /// A file as messages name it.
    fn shown(&self, file: File) -> String {
        match self {
            Self::Live => file.command().join(" "),
            Self::Folder(folder) => folder.join(file.name()).display().to_string(),
        }
    }
}

/// The output of a file's command.
pub(crate) fn run<T>(file: File) -> Result<Vec<u8>, Part<T>> {
    if file == File::Sysctls {
        return Ok(sysctls::live().into_bytes());
    }
    match program::run(file.command(), b"") {
        Ok(output) => Ok(output),
        Err(Failure::Failed(what)) => Err(Part::Broken(what)),
        Err(missing) => Err(Part::Missing(CannotTell::because(missing.to_string()))),
    }
}
