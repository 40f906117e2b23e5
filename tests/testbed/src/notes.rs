// SPDX-License-Identifier: GPL-2.0-only

//! Figures of the tests, printed after the results, since in between they would break the lines.

use std::sync::{Mutex, PoisonError};

static NOTES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps a line for [`print`].
pub fn add(line: String) {
    NOTES
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(line);
}

/// Prints the lines that were kept.
pub fn print() {
    for line in NOTES.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        println!("{line}");
    }
}

/// Keeps a line, formatted as by `println!`, until all tests have run.
#[macro_export]
macro_rules! note {
    ($($argument:tt)*) => {
        $crate::notes::add(format!($($argument)*))
    };
}
