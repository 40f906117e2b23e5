// SPDX-License-Identifier: GPL-2.0-only

//! The answer that there is no answer, with its reason.

use std::error::Error;
use std::fmt;

/// The reason why something cannot be told, and the place that it depends on.
///
/// It is an error, so that it ends a computation; commands report it as an answer of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CannotTell {
    /// A clause: "the match \"statistic\" is not understood", for example.
    pub reason: String,
    /// The rule, route or file that it is about.
    pub place: Option<String>,
}

/// The reason that the person who asks can do something about: by naming the device.
pub const NO_INPUT: &str = "the device that the packet comes in by is not known";

impl CannotTell {
    /// A reason without a place.
    pub fn because(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            place: None,
        }
    }

    /// The reason with the option that names the device, if it is that which is missing.
    pub fn advised(&self, option: &str) -> String {
        match (self.reason == NO_INPUT, &self.place) {
            (false, _) => self.to_string(),
            (true, Some(place)) => format!("{NO_INPUT} (give {option} DEV): {place}"),
            (true, None) => format!("{NO_INPUT} (give {option} DEV)"),
        }
    }

    /// The same reason, at a place.
    pub fn at(self, place: impl fmt::Display) -> Self {
        Self {
            place: Some(place.to_string()),
            ..self
        }
    }
}

impl fmt::Display for CannotTell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        match &self.place {
            Some(place) => write!(f, ": {place}"),
            None => Ok(()),
        }
    }
}

impl Error for CannotTell {}
