// SPDX-License-Identifier: GPL-2.0-only

//! A mistake in a plan's file.

use std::error::Error;
use std::fmt;
use std::ops::Range;

use toml::Spanned;

/// A mistake, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line that it is in, counted from 1; 0 if it is about the file as a whole.
    pub line: usize,
    /// A sentence without its full stop.
    pub sentence: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.sentence),
            line => write!(f, "{line}: {}", self.sentence),
        }
    }
}

impl Error for Mistake {}

/// A text, of which places are told by line.
#[derive(Clone, Copy, Debug)]
pub struct Lines<'t>(pub &'t str);

impl Lines<'_> {
    /// The line of the byte at an offset.
    pub fn at(self, offset: usize) -> usize {
        let before = self.0.as_bytes().get(..offset).unwrap_or_default();
        let ends = before.iter().filter(|byte| **byte == b'\n').count();
        ends.saturating_add(1)
    }

    /// A mistake in a value.
    pub fn mistake<T>(self, value: &Spanned<T>, sentence: impl Into<String>) -> Mistake {
        self.mistake_in(&value.span(), sentence)
    }

    /// A mistake in a part of the text.
    pub fn mistake_in(self, span: &Range<usize>, sentence: impl Into<String>) -> Mistake {
        Mistake {
            line: self.at(span.start),
            sentence: sentence.into(),
        }
    }
}
