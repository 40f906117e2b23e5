// SPDX-License-Identifier: GPL-2.0-only

//! A part of a host, which may be missing.

use anyhow::{anyhow, Result};

use crate::cannot_tell::CannotTell;

/// A part of a host.
#[derive(Clone, Debug)]
pub enum Part<T> {
    /// It was read.
    Known(T),
    /// It was not saved, or the command for it does not exist.
    Missing(CannotTell),
    /// It could not be read: the file or command, and what is wrong.
    Broken(String),
}

impl<T> Part<T> {
    /// The part.
    ///
    /// # Errors
    ///
    /// [`CannotTell`] if it is missing, another error if it could not be read.
    pub fn known(&self) -> Result<&T> {
        match self {
            Self::Known(part) => Ok(part),
            Self::Missing(reason) => Err(reason.clone().into()),
            Self::Broken(what) => Err(anyhow!("{what}")),
        }
    }

    /// The part, if it was read.
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::Known(part) => Some(part),
            _ => None,
        }
    }
}
