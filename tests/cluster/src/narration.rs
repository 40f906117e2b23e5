// SPDX-License-Identifier: GPL-2.0-only

//! What the demo shows as it goes on. The tests, whose output is their results, show nothing.

use std::fmt::Display;
use std::sync::OnceLock;
use std::time::Instant;

static BEGUN: OnceLock<Instant> = OnceLock::new();

/// Shows what is said from now on.
pub fn begin() {
    BEGUN.get_or_init(Instant::now);
}

/// Shows the next step, with the time since the beginning.
pub fn step(text: impl Display) {
    if let Some(begun) = BEGUN.get() {
        println!("[{:5.1} s] {text}", begun.elapsed().as_secs_f32());
    }
}

/// Shows lines that belong to the last step.
pub fn detail(text: impl Display) {
    if BEGUN.get().is_some() {
        for line in text.to_string().lines() {
            println!("            {line}");
        }
    }
}
