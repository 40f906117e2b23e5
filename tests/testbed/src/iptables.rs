// SPDX-License-Identifier: GPL-2.0-only

//! The guest's iptables: the chroot's own, or that of another Debian release in its place.

use anyhow::{ensure, Result};
use handover::Variable;

use crate::command::run;

/// The release whose iptables replaces the chroot's own, if it is another one.
pub fn release() -> Option<String> {
    Variable::Iptables.value()
}

/// Whether this is iptables 1.8.10 or older, which lays out options differently, and for which the stock
/// library reads netmasks differently.
///
/// # Errors
/// If iptables does not print its version.
pub fn is_old() -> Result<bool> {
    let text = run("iptables -V")?;
    let numbers: Vec<u32> = text
        .split(|digit: char| !digit.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect();
    ensure!(numbers.len() >= 3, "iptables has no version: {text}");
    Ok(numbers < vec![1, 8, 11])
}
