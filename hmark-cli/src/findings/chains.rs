// SPDX-License-Identifier: GPL-2.0-only

//! HMARK rules that packets meet too late, or never.

use super::{commands, Found, Site};
use crate::ruleset::{Match, Target};

/// Rules behind one that takes all packets.
pub fn unreached(site: &Site<'_>, all: &mut Vec<Found>) {
    for hmark in &site.hmark {
        let before = hmark
            .chain
            .rules
            .iter()
            .take_while(|rule| !std::ptr::eq(*rule, hmark.rule));
        let mut ends = before.filter(|rule| {
            let is_end = matches!(
                rule.target,
                Target::Accept
                    | Target::Drop
                    | Target::Return
                    | Target::Jump { goto: true, .. }
                    | Target::Chain { goto: true, .. }
            );
            is_end && rule.matches.is_empty()
        });
        let Some(end) = ends.next() else {
            continue;
        };
        all.push(Found {
            place: Some(hmark.place()),
            marks: Vec::new(),
            sentence: format!(
                "no packet reaches the rule: rule {} before it (\"{}\") takes all",
                end.number, end.text
            ),
            remedy: "put the HMARK rule before it".to_owned(),
            commands: vec![
                commands::delete(site, hmark.table, hmark.chain, hmark.rule),
                commands::add(
                    site,
                    &hmark.table.name,
                    &hmark.chain.name,
                    Some(end.number),
                    &commands::text(hmark.rule),
                ),
            ],
        });
    }
}

/// Rules in chains that nothing leads to.
pub fn unused(site: &Site<'_>, all: &mut Vec<Found>) {
    for hmark in site.hmark.iter().filter(|hmark| hmark.hooks.is_empty()) {
        all.push(Found {
            place: Some(hmark.place()),
            marks: Vec::new(),
            sentence: format!(
                "no rule leads to the chain {}, so no packet meets its HMARK rule",
                hmark.chain.name
            ),
            remedy: "jump to it from PREROUTING of mangle".to_owned(),
            commands: vec![format!(
                "{} -t {} -A PREROUTING -j {}",
                site.iptables(),
                hmark.table.name,
                hmark.chain.name
            )],
        });
    }
}

/// Rules whose marks come after the routing that they are for.
pub fn after_routing(site: &Site<'_>, all: &mut Vec<Found>) {
    for hmark in &site.hmark {
        if hmark.hooks.is_empty() || hmark.is_before_routing() {
            continue;
        }
        let has_rule = |mark: &u32| site.own_rule(*mark, hmark).is_some();
        // NFQUEUE and the like may choose by the mark there.
        if !hmark.marks.iter().any(has_rule) && site.is_matched(&hmark.marks) {
            continue;
        }
        // PREROUTING knows no device by which packets leave.
        let mut matches = hmark.rule.matches.iter();
        let has_output = matches.any(|condition| matches!(condition, Match::Output { .. }));
        all.push(Found {
            place: Some(hmark.place()),
            marks: Vec::new(),
            sentence: format!(
                "packets meet the rule in {} of {}, after they were routed: the mark comes too late",
                hmark.hooks.join(", "),
                hmark.table.name
            ),
            remedy: "put the rule into PREROUTING of mangle, or OUTPUT for packets of this host".to_owned(),
            commands: match has_output {
                true => Vec::new(),
                false => vec![
                    commands::add(site, "mangle", "PREROUTING", None, &commands::text(hmark.rule)),
                    commands::delete(site, hmark.table, hmark.chain, hmark.rule),
                ],
            },
        });
    }
}
