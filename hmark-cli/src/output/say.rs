// SPDX-License-Identifier: GPL-2.0-only

//! Words to the user, beside the answer.

use std::fmt::Display;
use std::io::{stderr, Write};

/// Prints a line on standard error.
pub fn say(what: impl Display) {
    // Nobody is left to be told that a reader has gone; eprintln! would panic.
    let _ = writeln!(stderr(), "hmark: {what}");
}
