// SPDX-License-Identifier: GPL-2.0-only

//! The digest of all that decides a flow's way on a host, to compare the hosts of a cluster by.
//!
//! It is the first 32 bits of the SHA-256 of a canonical text, so that others can compute it, too:
//! `hmark digest --explain | sha256sum | cut -c 1-8`. The text has the HMARK rules of both families with
//! their matches, in order, and all rules before them that decide whether a packet meets them; and for
//! each of their marks the routing rules that it meets, and the routes of their tables.
//!
//! What each host of a cluster has of its own is not in it: counters, comments, the order of rules that
//! do the same, names of devices and numbers of tables, preferences of routing rules (their order is),
//! and a host's own addresses. Devices are named by the networks that they are on.

mod names;
mod routes;
mod rules;

use std::fmt;

use anyhow::Result;
use hmark::Family;

use crate::cannot_tell::CannotTell;
use crate::host::Host;
use crate::marks;
use crate::sha256;
use names::Names;

pub use routes::has_default;

/// What a digest covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The mark of each flow: hosts that agree may have other gateways for it.
    Marks,
    /// Its way, too: the routing of each mark.
    Routes,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Marks => "marks",
            Self::Routes => "routes",
        })
    }
}

/// The canonical text of all that decides a flow's way on a host, a line each.
///
/// # Errors
///
/// If a part of the host that decides it is missing, or could not be read.
pub fn text(host: &Host, scope: Scope) -> Result<String> {
    let sides = [&host.ipv4, &host.ipv6];
    let names = Names::new(sides.iter().filter_map(|side| side.routes.get()));
    let mut lines = vec![format!("hmark digest 1 {scope}")];
    for family in Family::ALL {
        let side = host.side(family);
        let ruleset = side.ruleset.known()?;
        if let Some(missing) = ruleset.missing.first() {
            return Err(CannotTell::because(missing.clone()).into());
        }
        let found = rules::write(ruleset, &names, &mut lines);
        if found.is_empty() {
            lines.push(format!("{family} no HMARK rule"));
            continue;
        }
        if scope == Scope::Routes {
            let mut marks: Vec<u32> = found
                .iter()
                .filter_map(|rule| marks::marks(rule))
                .flatten()
                .collect();
            let routing = side.rules.known()?;
            // Of too many marks, those that a routing rule names, and one that none does.
            if found.iter().any(|rule| marks::marks(rule).is_none()) {
                marks.extend(routing.rules.iter().filter_map(|rule| Some(rule.mark?.0)));
                marks.push(u32::MAX);
            }
            marks.sort_unstable();
            marks.dedup();
            routes::write(routing, side.routes.known()?, &marks, &names, &mut lines);
        }
    }
    let mut text = lines.join("\n");
    text.push('\n');
    Ok(text)
}

/// The digest of a canonical text: the first 8 hexadecimal digits of its SHA-256.
pub fn of_text(text: &str) -> String {
    format!("{:08x}", sha256::first_word(text.as_bytes()))
}

#[cfg(test)]
mod tests;
