// SPDX-License-Identifier: GPL-2.0-only

//! Folders for the files of tests, which run side by side: no two have the same.

use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// The path of a folder that nobody else uses, with this in its name. It is not made.
pub fn folder(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("hmark-{}-{number}-{name}", process::id()))
}
