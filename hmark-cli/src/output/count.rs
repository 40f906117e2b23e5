// SPDX-License-Identifier: GPL-2.0-only

//! Numbers of things, in words.

/// A number and its noun, such as `1 flow` and `2 flows`.
pub fn count(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// The verb for so many things: `singular` for one.
pub fn verb<'v>(number: u64, singular: &'v str, plural: &'v str) -> &'v str {
    match number {
        1 => singular,
        _ => plural,
    }
}
