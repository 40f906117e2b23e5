// SPDX-License-Identifier: GPL-2.0-only

//! A cluster's plan: from a file of gateways and addresses to all that a host needs to spread flows over
//! them, as a script, as files, and as a difference from what a host has.
//!
//! Data moves one way: a [`file`] is checked and becomes a [`site`], from which the parts of a [`Plan`] are
//! computed, which the outputs print. Nothing here runs a command.

mod chain;
pub mod difference;
mod file;
pub mod files;
mod marks;
mod mistake;
mod moves;
pub mod networkd;
mod others;
mod routes;
pub mod shell;
mod site;
mod syntax;
#[cfg(test)]
mod tests;
mod tree;

use hmark::Family;

pub use chain::Chains;
pub use marks::Marks;
pub use mistake::Mistake;
pub use routes::{Nexthop, Route};
pub use site::{Gateway, Site};
pub use tree::{Rule, LINEAR};

/// All that a host has of a plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The checked file.
    pub site: Site,
    /// The objects that routes lead to.
    pub nexthops: Vec<Nexthop>,
    /// Routing rules, the same of each family.
    pub rules: Vec<Rule>,
    /// The same for linear rules behind a guard, as systemd-networkd can have them.
    pub linear: Vec<Rule>,
    /// Routes and chains of the families that the plan has.
    pub sides: Vec<Side>,
    /// Kernel settings, each with its value, as `sysctl` has them.
    pub sysctls: Vec<(String, String)>,
}

/// The part of a plan that is of one family.
#[derive(Clone, Debug)]
pub struct Side {
    /// The family.
    pub family: Family,
    /// A route, or several, in the table of each gateway.
    pub routes: Vec<Route>,
    /// Rules of iptables or ip6tables.
    pub chains: Chains,
}

impl Plan {
    /// Makes the plan of a file's text.
    ///
    /// # Errors
    ///
    /// The first mistake, with its line and what would be right.
    pub fn read(text: &str) -> Result<Self, Mistake> {
        let site = site::read(text)?;
        let sides = site.families.iter().map(|family| Side {
            family: *family,
            routes: routes::routes(&site, *family),
            chains: chain::chains(&site, *family),
        });
        Ok(Self {
            nexthops: routes::nexthops(&site),
            rules: tree::rules(&site, tree::Shape::Tree),
            linear: tree::rules(&site, tree::Shape::Guard),
            sides: sides.collect(),
            sysctls: routes::sysctls(&site),
            site,
        })
    }

    /// The part of a family, if the plan has it.
    pub fn side(&self, family: Family) -> Option<&Side> {
        self.sides.iter().find(|side| side.family == family)
    }

    /// The most routing rules of the plan that a packet with one of its marks meets, counting those whose
    /// selectors do not fit.
    pub fn most_rules_met(&self) -> usize {
        let marks = self.site.marks.all();
        let walked = marks.map(|mark| tree::walked(&self.rules, mark));
        walked.max().unwrap_or(0)
    }

    /// The routing rules of the plan that a packet with the mark 0 meets, as each reverse lookup does.
    pub fn rules_met_by_others(&self) -> usize {
        tree::walked(&self.rules, 0)
    }
}
