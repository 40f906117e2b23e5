// SPDX-License-Identifier: GPL-2.0-only

//! A rule's whole text, for programs without libxtables.

use hmark::rule::v1::Info;
use hmark::Family;

use crate::complete::complete;
use crate::kind::Kind;
use crate::options::{Row, OPTIONS};
use crate::sentences::{Error, Warning};
use crate::set::set;

/// Reads the options of a rule, such as `--hmark-mod 4 --hmark-offset 100`, and completes it.
///
/// Words are separated by blanks, and a blank cannot be quoted. As with iptables, a value may follow
/// its option after a `=`, and an option may be abbreviated as long as only one option fits.
///
/// # Errors
///
/// The first mistake found.
pub fn read(text: &str, family: Family) -> Result<(Info, Option<Warning>), Error<'_>> {
    let mut rule = Info::default();
    let mut has_list = false;
    let mut words = text.split_ascii_whitespace();
    while let Some(mut word) = words.next() {
        let is_inverted = word == "!";
        if is_inverted {
            word = words.next().unwrap_or(word);
        }
        let unknown = Error::NoOption(word.as_bytes());
        let name = word.strip_prefix("--").ok_or(unknown)?;
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (name, None),
        };
        let option = option(name.as_bytes()).ok_or(unknown)?;
        let value = match (option.kind.has_value(), value) {
            (true, value) => value.or_else(|| words.next()),
            (false, None) => Some(""),
            (false, Some(_)) => return Err(Error::Valued(option)),
        };
        let value = value.ok_or(Error::NoValue(option))?;
        if is_inverted {
            return Err(Error::Inverted(option));
        }
        // Unlike other options, a list has no flag in the rule that says that it was given.
        if let Kind::Selectors = option.kind {
            if has_list {
                return Err(Error::Repeated(option));
            }
            has_list = true;
        }
        set(&mut rule, option, value.as_bytes(), family)?;
    }
    let warning = complete(&mut rule, family)?;
    Ok((rule, warning))
}

/// The option of this name, or else the only option with a name that begins like this.
pub fn option(name: &[u8]) -> Option<&'static Row> {
    let named = |row: &&Row| row.names().any(|full| full.to_bytes() == name);
    let begun = |row: &&Row| row.names().any(|full| full.to_bytes().starts_with(name));
    let mut found = OPTIONS.iter().filter(begun);
    let only = found.next().filter(|_| found.next().is_none());
    OPTIONS.iter().find(named).or(only)
}
