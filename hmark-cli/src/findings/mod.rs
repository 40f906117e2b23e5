// SPDX-License-Identifier: GPL-2.0-only

//! What is wrong with hosts that mark packets by HMARK and route them by their marks.
//!
//! [`CHECKS`] has a row for each mistake that is looked for. Each row's function looks at a [`Site`], the
//! rules and the routing of one family of a host, and says where it finds the mistake and what to do. A
//! function that needs a part of the host that is missing finds nothing; [`check`] says what is missing.

mod chains;
mod commands;
mod families;
mod gateways;
mod hops;
mod hosts;
mod kernel;
mod lookups;
mod native;
mod options;
mod overlap;
mod overwrites;
mod packets;
mod routing_rules;
mod site;
mod tables;
#[cfg(test)]
mod tests;
mod tracking;
mod unruled;

use std::fmt;

use hmark::Family;

use crate::host::{Host, Part};

pub use hosts::{compare, fill_in, roles};
pub use kernel::{revisions, without_revision_1};
pub use native::native_marks;
pub use site::{HmarkRule, Site};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It may be meant, or does harm only to some packets.
    Warning,
    /// Packets go astray.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A mistake that is looked for.
pub struct Check {
    /// Its name, which does not change.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The mistake, in a clause.
    pub about: &'static str,
    find: fn(&Site<'_>, &mut Vec<Found>),
}

/// A place where a mistake is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The rule or table, if it is in one.
    pub place: Option<String>,
    /// The marks whose packets it concerns; none if it is about the rule or the host as a whole.
    pub marks: Vec<u32>,
    /// The mistake and its consequence.
    pub sentence: String,
    /// What to do.
    pub remedy: String,
    /// Commands that do it, if there are any.
    pub commands: Vec<String>,
}

/// A mistake that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The name of the mistake.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The host's name.
    pub host: String,
    /// The family that it is about; [`None`] if it is about both.
    pub family: Option<Family>,
    /// Where it is, and what to do.
    pub found: Found,
}

/// All that was found on a host.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The findings, errors first.
    pub findings: Vec<Finding>,
    /// Sentences about parts of the host that are missing, so that not all could be checked.
    pub missing: Vec<String>,
    /// Sentences about parts of the host that could not be read.
    pub broken: Vec<String>,
    /// Sentences about what is not known, and may be wrong.
    pub notes: Vec<String>,
    /// The number of HMARK rules.
    pub rules: usize,
}

macro_rules! checks {
    ($($id:literal $severity:ident $find:path: $about:literal,)*) => {
        [$(Check { id: $id, severity: Severity::$severity, about: $about, find: $find },)*]
    };
}

/// All mistakes that are looked for on a host, family by family.
pub static CHECKS: [Check; 37] = checks![
    "mark-without-ip-rule" Error unruled::missing: "a mark has no ip rule",
    "ip-rule-mask" Error routing_rules::mask: "the mask of an ip rule is not that of the HMARK rule",
    "ip-rule-too-late" Error routing_rules::too_late: "an ip rule comes after one that takes all packets",
    "ip-rule-of-others" Error routing_rules::of_others: "an ip rule of somebody else takes packets with a mark first",
    "ip-rule-refuses" Error routing_rules::refuses: "an ip rule drops the packets of a mark",
    "many-ip-rules" Warning routing_rules::many: "many ip rules are walked one by one",
    "table-empty" Error tables::empty: "the table of a mark has no route",
    "table-without-route" Error tables::without_route: "the table of a mark lacks a route that the other marks' tables have",
    "table-unused" Warning tables::unused: "no ip rule leads to a table",
    "table-refuses" Error tables::refuses: "the route of a mark drops packets",
    "two-marks-one-table" Warning tables::shared: "two marks have one table, unlike the others",
    "two-marks-one-gateway" Warning tables::same_gateway: "the tables of two marks have one gateway",
    "route-multipath" Warning tables::multipath: "the route of a mark has several gateways",
    "gateway-failed" Error gateways::failed: "a gateway does not answer",
    "gateway-device-down" Error gateways::device_down: "the device to a gateway is down",
    "gateway-not-on-link" Warning gateways::not_on_link: "a gateway is on none of its device's networks",
    "gateway-own" Error gateways::own: "a gateway is the host itself",
    "marks-of-others" Error overlap::matched: "a rule of somebody else takes a mark for its own",
    "mark-bits-shared" Warning overlap::known_users: "other software on the host uses bits of the mark that HMARK sets",
    "mark-overwritten" Error overwrites::later: "a later rule overwrites the mark",
    "rule-unreached" Error chains::unreached: "no packet reaches the HMARK rule",
    "chain-unused" Error chains::unused: "no rule leads to the chain of the HMARK rule",
    "after-routing" Error chains::after_routing: "the mark is set after routing",
    "ct-in-raw" Error tracking::in_raw: "ct in the raw table, where packets have no connection",
    "ct-not-tracked" Error tracking::not_tracked: "ct for packets that are not tracked",
    "ct-without-tracking" Warning tracking::nothing_tracks: "ct, but no rule makes the kernel track connections",
    "source-translated" Warning tracking::translated: "the host translates sources, and hashes packets",
    "fragments" Warning tracking::fragments: "fragments are hashed without ports",
    "mark-zero" Error options::zero: "the first mark is 0, which packets without a mark have",
    "one-sided-tuple" Warning options::one_sided: "ICMP errors are hashed by the wrong end",
    "single-mark" Warning options::single: "all packets get one mark",
    "tuple-spreads-nothing" Warning options::spreads_nothing: "nothing that is hashed differs between packets",
    "forwarding-off" Error kernel::forwarding: "the host forwards no packets",
    "rp-filter-strict" Warning kernel::strict: "rp_filter drops packets that do not come by the main route to their source",
    "rp-filter-valid-mark" Error kernel::valid_mark: "rp_filter looks for the route to a packet's source by its mark",
    "twin-missing" Warning families::missing: "only one family has HMARK rules",
    "twin-different" Error families::different: "the two families hash differently",
];

/// Looks for all mistakes on a host.
pub fn check(host: &Host) -> Report {
    let mut report = Report::default();
    for family in Family::ALL {
        let side = host.side(family);
        report.part(&side.ruleset);
        let missing = side.ruleset.get().map(|rules| rules.missing.as_slice());
        report
            .missing
            .extend_from_slice(missing.unwrap_or_default());
        report.part(&side.rules);
        report.part(&side.routes);
    }
    report.part(&host.links);
    report.part(&host.neighbours);
    report.part(&host.sysctls);
    for family in Family::ALL {
        let Some(site) = Site::new(host, family) else {
            continue;
        };
        report.rules = report.rules.saturating_add(site.hmark.len());
        report.notes.extend(gateways::unasked(&site));
        for check in &CHECKS {
            let mut found = Vec::new();
            (check.find)(&site, &mut found);
            for found in found {
                report.add(check, host, family, found);
            }
        }
    }
    report
        .findings
        .sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    report
}

impl Report {
    fn part<T>(&mut self, part: &Part<T>) {
        match part {
            Part::Known(_) => {}
            Part::Missing(reason) => self.missing.push(reason.to_string()),
            Part::Broken(what) => self.broken.push(what.clone()),
        }
    }

    fn add(&mut self, check: &Check, host: &Host, family: Family, found: Found) {
        let finding = Finding {
            id: check.id,
            severity: check.severity,
            host: host.name.clone(),
            family: Some(family),
            found,
        };
        // Several rules may have the same marks, and so the same mistake.
        let is_same = |other: &Finding| {
            other.id == finding.id
                && other.family == finding.family
                && other.found.sentence == finding.found.sentence
        };
        if !self.findings.iter().any(is_same) {
            self.findings.push(finding);
        }
    }
}
