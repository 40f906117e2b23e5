// SPDX-License-Identifier: GPL-2.0-only

//! The HMARK rule of a host, as the kernel has it.

use anyhow::{bail, Result};
use hmark::Rule;
use tests::family::Family;
use tests::options;

use crate::host::Host;

/// The one rule of `host` with HMARK, defaults filled in.
///
/// # Errors
/// If it has none or several.
pub fn of(host: &Host, family: Family) -> Result<Rule> {
    let saved = host.run(&format!("{}-save -t mangle", family.iptables()))?;
    let mut rules = saved.lines().filter(|line| line.contains("-j HMARK"));
    let (Some(rule), None) = (rules.next(), rules.next()) else {
        bail!("expected one HMARK rule on {}: {saved}", host.name());
    };
    options::parse(rule, family)
}
