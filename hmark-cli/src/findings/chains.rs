// SPDX-License-Identifier: GPL-2.0-only

//! HMARK rules that packets meet too late, or never.

use super::site::{reached, HmarkRule};
use super::{commands, Found, Site};
use crate::ruleset::{Chain, Match, Rule, Target};

/// Rules behind one that takes all packets, and jumps to their chains behind one.
pub fn unreached(site: &Site<'_>, all: &mut Vec<Found>) {
    for hmark in &site.hmark {
        let (end, chain, rule) = match end_before(hmark.chain, hmark.rule) {
            Some(end) => (end, hmark.chain, hmark.rule),
            None => match jump_behind_end(hmark) {
                Some(found) => found,
                None => continue,
            },
        };
        let what = match std::ptr::eq(rule, hmark.rule) {
            true => "HMARK rule",
            false => "jump to its chain",
        };
        all.push(Found {
            place: Some(hmark.place()),
            marks: Vec::new(),
            sentence: format!(
                "no packet reaches the rule: rule {} of {} before the {what} (\"{}\") takes all",
                end.number, chain.name, end.text
            ),
            remedy: format!("put the {what} before it"),
            commands: vec![
                commands::delete(site, hmark.table, chain, rule),
                commands::add(
                    site,
                    &hmark.table.name,
                    &chain.name,
                    Some(end.number),
                    &commands::text(rule),
                ),
            ],
        });
    }
}

/// The first rule before another one of its chain that takes all packets.
fn end_before<'t>(chain: &'t Chain, rule: &Rule) -> Option<&'t Rule> {
    let rules = chain.rules.iter();
    let mut before = rules.take_while(|other| !std::ptr::eq(*other, rule));
    before.find(|rule| rule.is_end())
}

/// A rule that takes all packets, its chain, and the first jump behind it by which they would reach the HMARK
/// rule, if no other jump leads there.
fn jump_behind_end<'h>(hmark: &HmarkRule<'h>) -> Option<(&'h Rule, &'h Chain, &'h Rule)> {
    let table = hmark.table;
    let mut found = None;
    for base in table.chains.iter().filter(|chain| chain.policy.is_some()) {
        for chain in reached(table, base) {
            let jumps = chain.rules.iter().filter(|rule| match rule.target {
                Target::Chain { place, .. } => table
                    .chains
                    .get(place)
                    .is_some_and(|chain| std::ptr::eq(chain, hmark.chain)),
                _ => false,
            });
            for jump in jumps {
                let end = end_before(chain, jump)?;
                found = found.or(Some((end, chain, jump)));
            }
        }
    }
    found
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
