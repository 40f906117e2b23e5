// SPDX-License-Identifier: GPL-2.0-only

//! Lists of flows: CSV, and what conntrack says.

mod csv;
mod lines;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, BufRead};

use self::lines::Lines;
use crate::conntrack::{self, Entry};
use crate::flow::{shown, Flow};

/// A flow of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The flow, in the direction of its first packet.
    pub flow: Flow,
    /// The number of its packets in both directions, if the list says it.
    pub packets: Option<u64>,
    /// The number of their bytes, likewise.
    pub bytes: Option<u64>,
    /// Its entry in conntrack; [`None`] if the list is not of conntrack.
    pub entry: Option<Entry>,
}

impl From<conntrack::Printed> for Listed {
    fn from(printed: conntrack::Printed) -> Self {
        Self {
            flow: printed.entry.original,
            packets: printed.packets,
            bytes: printed.bytes,
            entry: Some(printed.entry),
        }
    }
}

/// The reason why a list cannot be read on.
#[derive(Debug)]
pub enum Error {
    /// The stream cannot be read.
    Io(io::Error),
    /// A line is not as it should be.
    Line {
        /// Its number, counted from 1.
        number: u64,
        /// A sentence without full stop.
        reason: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Line { number, reason } => write!(f, "line {number}: {reason}"),
        }
    }
}

impl std::error::Error for Error {}

/// The format of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values.
    Csv,
    /// The output of `conntrack -L`, or `/proc/net/nf_conntrack`.
    Conntrack,
}

/// A list of flows, which is read line by line.
pub struct List<R> {
    lines: Lines<R>,
    reader: Reader,
}

enum Reader {
    /// The columns are known after the first line.
    Csv(Option<csv::Columns>),
    Conntrack,
}

impl<R: BufRead> List<R> {
    /// The list in a stream.
    pub fn new(stream: R, format: Format) -> Self {
        Self {
            lines: Lines::new(stream),
            reader: match format {
                Format::Csv => Reader::Csv(None),
                Format::Conntrack => Reader::Conntrack,
            },
        }
    }

    /// Bytes of the list that have been read so far.
    pub fn offset(&self) -> u64 {
        self.lines.offset()
    }
}

impl<R: BufRead> Iterator for List<R> {
    type Item = Result<Listed, Error>;

    /// The next flow. After an error there is none.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (number, line) = match self.lines.next()? {
                Ok(line) => line,
                Err(error) => return Some(Err(error)),
            };
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let listed = match &mut self.reader {
                Reader::Csv(columns) => csv::read(line, columns),
                Reader::Conntrack => conntrack::read(line).map(|printed| printed.map(Listed::from)),
            };
            match listed {
                Ok(Some(listed)) => return Some(Ok(listed)),
                Ok(None) => {}
                Err(reason) => {
                    self.lines.stop();
                    return Some(Err(Error::Line { number, reason }));
                }
            }
        }
    }
}
