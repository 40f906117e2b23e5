// SPDX-License-Identifier: GPL-2.0-only

//! A line on the terminal that says how far a long work is.

use std::io::{stderr, IsTerminal, Write};
use std::time::{Duration, Instant};

/// The time that a work may take without a word.
const PATIENCE: Duration = Duration::from_secs(2);

/// The time between two lines.
const PAUSE: Duration = Duration::from_millis(200);

/// A line about one work, on a terminal's standard error alone. It goes when the work is done.
pub struct Progress {
    what: &'static str,
    next: Instant,
    is_shown: bool,
    is_terminal: bool,
}

impl Progress {
    /// The line of a work that begins now, such as `hashes`.
    pub fn new(what: &'static str) -> Self {
        Self {
            what,
            next: Instant::now() + PATIENCE,
            is_shown: false,
            is_terminal: stderr().is_terminal(),
        }
    }

    /// So many of all are done; 0 stands for a number of all that is not known.
    pub fn report(&mut self, done: u64, all: u64) {
        let now = Instant::now();
        if !self.is_terminal || now < self.next {
            return;
        }
        self.next = now + PAUSE;
        self.is_shown = true;
        let what = self.what;
        // A line that cannot be written is not missed.
        let _ = match u128::from(done).saturating_mul(100).checked_div(all.into()) {
            Some(percent) => write!(stderr(), "\r\x1b[K{done} of {all} {what} ({percent} %)"),
            None => write!(stderr(), "\r\x1b[K{done} {what}"),
        };
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
