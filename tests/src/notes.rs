// SPDX-License-Identifier: GPL-2.0-only

//! What tests counted: shown after the result, since in between it would break its lines.

use std::sync::{Mutex, PoisonError};

static NOTES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps a line for [`print`].
pub fn add(line: String) {
    NOTES
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(line);
}

/// Prints what was kept.
pub fn print() {
    for line in NOTES.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        println!("{line}");
    }
}

/// Keeps a line, given as to `println!`, until all tests have run.
#[macro_export]
macro_rules! note {
    ($($argument:tt)*) => {
        $crate::notes::add(format!($($argument)*))
    };
}
