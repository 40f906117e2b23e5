// SPDX-License-Identifier: GPL-2.0-only

//! Lines of a stream, of bounded length.

use std::io::{BufRead, Read};

use super::Error;

/// The longest line in bytes: far more than a flow takes.
pub(super) const LONGEST: usize = 1 << 14;

/// A stream, line by line.
pub(super) struct Lines<R> {
    stream: R,
    line: Vec<u8>,
    number: u64,
    offset: u64,
    is_over: bool,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(stream: R) -> Self {
        Self {
            stream,
            line: Vec::new(),
            number: 0,
            offset: 0,
            is_over: false,
        }
    }

    /// Bytes of the stream that have been read so far.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Lets no line follow.
    pub(super) fn stop(&mut self) {
        self.is_over = true;
    }

    /// The next line and its number, counted from 1; [`None`] at the end, and after an error.
    pub(super) fn next(&mut self) -> Option<Result<(u64, &str), Error>> {
        if self.is_over {
            return None;
        }
        self.line.clear();
        let mut bounded = (&mut self.stream).take(LONGEST as u64);
        match bounded.read_until(b'\n', &mut self.line) {
            Ok(0) => return None,
            Ok(read) => self.offset = self.offset.saturating_add(read as u64),
            Err(error) => {
                self.is_over = true;
                return Some(Err(Error::Io(error)));
            }
        }
        let number = self.number.saturating_add(1);
        self.number = number;
        let reason = match std::str::from_utf8(&self.line) {
            // The cut may be within a character.
            _ if self.line.len() >= LONGEST => format!("it is longer than {LONGEST} bytes"),
            Ok(line) => return Some(Ok((number, line))),
            Err(error) => {
                let place = error.valid_up_to().saturating_add(1);
                format!("byte {place} is not UTF-8")
            }
        };
        self.is_over = true;
        Some(Err(Error::Line { number, reason }))
    }
}
