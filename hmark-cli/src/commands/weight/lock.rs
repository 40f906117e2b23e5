// SPDX-License-Identifier: GPL-2.0-only

//! The lock that keeps two of this command from changing rules at once.

use std::fs::File;
use std::io::ErrorKind;

use anyhow::{anyhow, Context, Result};
use nix::fcntl::{Flock, FlockArg};

/// The file that is locked.
const FILE: &str = "/run/hmark.lock";

/// The lock, until it is dropped; [`None`] for those who may not change rules either.
///
/// # Errors
///
/// If the file cannot be locked.
pub fn take() -> Result<Option<Flock<File>>> {
    let opened = File::options().create(true).append(true).open(FILE);
    let file = match opened {
        Ok(file) => file,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::PermissionDenied | ErrorKind::NotFound
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error).context(FILE),
    };
    let lock = Flock::lock(file, FlockArg::LockExclusive);
    lock.map(Some)
        .map_err(|(_, error)| anyhow!("{FILE}: {error}"))
}
