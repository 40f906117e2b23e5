// SPDX-License-Identifier: GPL-2.0-only

//! The guest's iptables: the chroot's own, or that of another Debian release in its place.

use std::env;

use anyhow::{ensure, Result};

use crate::command::run;

/// The variable that names the other release; the lab sets it.
const RELEASE: &str = "HMARK_IPTABLES";

/// The release whose iptables replaces the chroot's own, if it is another one.
pub fn release() -> Option<String> {
    env::var(RELEASE).ok()
}

/// Whether this is iptables 1.8.10 or older, which lays out options and reads netmasks differently.
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
