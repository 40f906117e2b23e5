// SPDX-License-Identifier: GPL-2.0-only

//! Lines that show that a benchmark is alive, and which step it is at.

use std::time::{Duration, Instant};

/// Minimum time between two lines, where a phase has nothing new to say.
const PAUSE: Duration = Duration::from_secs(5);

/// Time since the start, and since the last line.
pub struct Progress {
    begun: Instant,
    shown: Instant,
}

impl Progress {
    /// Starts the clock.
    pub fn begin() -> Self {
        let now = Instant::now();
        Self {
            begun: now,
            shown: now,
        }
    }

    /// Prints a line.
    pub fn phase(&mut self, text: &str) {
        self.shown = Instant::now();
        println!("[{:5.1} s] {text}", self.begun.elapsed().as_secs_f32());
    }

    /// Prints a line, unless one was printed a moment ago.
    pub fn step(&mut self, text: &str) {
        if self.shown.elapsed() >= PAUSE {
            self.phase(text);
        }
    }
}
