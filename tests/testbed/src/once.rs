// SPDX-License-Identifier: GPL-2.0-only

//! What several tests share, and the first of them makes.

use std::sync::OnceLock;

use anyhow::{anyhow, Result};

/// Something that is made once, or the reason why it could not be made.
pub type Once<T> = OnceLock<Result<T, String>>;

/// Returns what is in the cell, which the first call makes.
///
/// # Errors
/// In every call, the error of the first one.
pub fn once<T>(cell: &'static Once<T>, make: impl FnOnce() -> Result<T>) -> Result<&'static T> {
    cell.get_or_init(|| make().map_err(|error| format!("{error:#}")))
        .as_ref()
        .map_err(|error| anyhow!("{error}"))
}
