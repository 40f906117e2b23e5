// SPDX-License-Identifier: GPL-2.0-only

//! Rules that overwrite the mark before it is routed by.

use std::collections::HashSet;
use std::ptr;

use super::site::{place, HmarkRule};
use super::{commands, Found, Site};
use crate::marks::{bits, range};
use crate::routing::RoutingRule;
use crate::ruleset::{Chain, Connmark, End, Match, Rule, Table, Target};

/// The deepest chain that is followed.
const MOST_NESTED: usize = 128;

/// Rules behind HMARK's that overwrite its marks.
pub fn later(site: &Site<'_>, all: &mut Vec<Found>) {
    for hmark in site.before_routing() {
        // The bits that are routed by.
        let routed = hmark
            .marks
            .iter()
            .filter_map(|&mark| site.own_rule(mark, hmark)?.mark);
        let routed = routed.fold(0, |bits, (_, mask)| bits | mask);
        let routed = match routed {
            0 => bits(hmark.info),
            bits => bits,
        };
        for (table, chain, rule) in behind(site, hmark) {
            let changed = changed(&rule.target);
            if changed & routed == 0 || spares(rule, hmark) || is_refinement(rule, hmark) {
                continue;
            }
            all.push(found(site, hmark, (table, chain, rule), changed));
        }
    }
}

/// The finding for a rule that overwrites the marks of an HMARK rule.
fn found(
    site: &Site<'_>,
    hmark: &HmarkRule<'_>,
    (table, chain, rule): (&Table, &Chain, &Rule),
    changed: u32,
) -> Found {
    let text = commands::text(rule);
    let deletion = commands::delete(site, table, chain, rule);
    let is_same_chain = std::ptr::eq(chain, hmark.chain);
    let is_restored = matches!(rule.target, Target::Connmark(_));
    let (remedy, commands) = if meets_no_other(rule, hmark) {
        // All of its packets have a mark of HMARK: it cannot be for those without one.
        let use_of_mark = used(site, &rule.target)
            .map_or("nothing uses its mark".to_owned(), |used| {
                format!("nothing uses its mark ({used})")
            });
        match is_restored && is_same_chain {
            true => (
                "put it before the HMARK rule, and let that have only packets without a mark (-m mark --mark 0)"
                    .to_owned(),
                vec![
                    deletion,
                    commands::add(site, &table.name, &chain.name, Some(hmark.rule.number), &text),
                ],
            ),
            false => (
                format!(
                    "delete it if {use_of_mark}; it meets packets that have a mark of HMARK alone. Or give each its \
                     own bits (--hmark-mask; this one changes {changed:#x})"
                ),
                vec![deletion],
            ),
        }
    } else {
        let condition = "-m mark --mark 0x0";
        (
            format!(
                "let it have only packets without a mark, put it before the HMARK rule, or give each its own bits \
                 (--hmark-mask; this one changes {changed:#x})"
            ),
            vec![commands::replace(
                site,
                table,
                chain,
                rule,
                &commands::with_match(&text, condition),
            )],
        )
    };
    Found {
        place: Some(place(table, chain, rule)),
        marks: Vec::new(),
        sentence: format!(
            "the rule (\"{text}\") changes the mark that HMARK sets in {}: the last one wins",
            hmark.place()
        ),
        remedy,
        commands,
    }
}

/// Whether a rule behind HMARK's only meets packets that HMARK has marked: it has all matches of that rule.
fn meets_no_other(rule: &Rule, hmark: &HmarkRule<'_>) -> bool {
    let matches = &hmark.rule.matches;
    let has_all = matches
        .iter()
        .all(|condition| rule.matches.contains(condition));
    has_all && !hmark.marks.contains(&0)
}

/// Says which routing rule asks for the mark that MARK sets, or that none does.
fn used(site: &Site<'_>, target: &Target) -> Option<String> {
    let Target::Mark(change) = target else {
        return None;
    };
    let mark = change.apply(0);
    let asks = |rule: &&RoutingRule| {
        let fits = |(value, mask): (u32, u32)| mask != 0 && (mark ^ value) & mask == 0;
        !rule.not && rule.mark.is_some_and(fits)
    };
    let rule = site.routing?.rules.iter().find(asks);
    Some(match rule {
        Some(rule) => format!("\"ip rule {rule}\" asks for {mark:#x}"),
        None => format!("no ip rule asks for {mark:#x}"),
    })
}

/// The bits of the packet's mark that a target may change.
fn changed(target: &Target) -> u32 {
    match target {
        Target::Mark(change) => change.clear | change.invert,
        Target::Hmark(info) => bits(info),
        Target::Connmark(Connmark::Restore { packet, connection }) => packet | connection,
        _ => 0,
    }
}

/// The rules that a packet may meet behind an HMARK rule, before it is routed.
fn behind<'s>(site: &'s Site<'_>, hmark: &HmarkRule<'_>) -> Vec<(&'s Table, &'s Chain, &'s Rule)> {
    let mut rules = Vec::new();
    let tables = ["raw", "mangle", "nat"];
    let from = tables
        .iter()
        .position(|name| *name == hmark.table.name)
        .unwrap_or(0);
    for (index, name) in tables.iter().enumerate().skip(from) {
        let Some(table) = site.rules.table(name) else {
            continue;
        };
        let is_same = index == from;
        for hook in hmark
            .hooks
            .iter()
            .filter(|hook| matches!(**hook, "PREROUTING" | "OUTPUT"))
        {
            let Some(base) = table.chain(hook) else {
                continue;
            };
            let start = match is_same {
                true => Some(hmark.rule),
                false => None,
            };
            let mut walk = Walk {
                table,
                start,
                visits: HashSet::new(),
                noted: HashSet::new(),
                rules: &mut rules,
            };
            walk.chain(base, start.is_none(), 0);
        }
    }
    rules
}

/// A packet's way through the chains of a table, of which the rules behind one are noted.
struct Walk<'w, 's> {
    table: &'s Table,
    /// The rule; [`None`] if all are behind it.
    start: Option<&'w Rule>,
    /// The chains that were visited, before the rule and behind it: what a second visit would find is known.
    visits: HashSet<(*const Chain, bool)>,
    /// The rules that were noted.
    noted: HashSet<*const Rule>,
    rules: &'w mut Vec<(&'s Table, &'s Chain, &'s Rule)>,
}

impl<'s> Walk<'_, 's> {
    /// Goes through a chain. Returns whether packets that come back from it may have met the rule.
    fn chain(&mut self, chain: &'s Chain, mut is_behind: bool, depth: usize) -> bool {
        if depth > MOST_NESTED || !self.visits.insert((ptr::from_ref(chain), is_behind)) {
            return is_behind;
        }
        let mut comes_back = false;
        for rule in &chain.rules {
            if self.start.is_some_and(|start| std::ptr::eq(rule, start)) {
                is_behind = true;
                continue;
            }
            if is_behind && self.noted.insert(ptr::from_ref(rule)) {
                self.rules.push((self.table, chain, rule));
            }
            match rule.target {
                Target::Chain { place, goto } => {
                    let Some(next) = self.table.chains.get(place) else {
                        continue;
                    };
                    let may_be_behind = self.chain(next, is_behind, depth + 1);
                    match goto {
                        true => comes_back |= may_be_behind,
                        false => is_behind |= may_be_behind,
                    }
                }
                Target::Return => comes_back |= is_behind,
                _ => {}
            }
            if rule.is_end() {
                return comes_back;
            }
        }
        comes_back || is_behind
    }
}

/// Whether a rule has no packet that HMARK has marked: it asks for other marks, or for packets that do not
/// meet the HMARK rule.
fn spares(rule: &Rule, hmark: &HmarkRule<'_>) -> bool {
    let asks_for_others = rule.matches.iter().any(|condition| match condition {
        Match::Mark { value, mask, not } => {
            !hmark.marks.is_empty()
                && hmark
                    .marks
                    .iter()
                    .all(|mark| (mark & mask == *value) == *not)
        }
        _ => false,
    });
    let excludes = |one: &Match| {
        hmark
            .rule
            .matches
            .iter()
            .any(|other| are_disjoint(one, other))
    };
    asks_for_others || rule.matches.iter().any(excludes)
}

/// Whether no packet meets both conditions.
fn are_disjoint(one: &Match, other: &Match) -> bool {
    match (one, other) {
        (
            Match::Net {
                end: a,
                net: one,
                not: x,
            },
            Match::Net {
                end: b,
                net: other,
                not: y,
            },
        ) if a == b && *a != End::Either => match (x, y) {
            (false, false) => !overlap(one, other),
            (true, false) => one == other || holds(one, other),
            (false, true) => one == other || holds(other, one),
            (true, true) => false,
        },
        (
            Match::Protocol {
                protocol: one,
                not: x,
            },
            Match::Protocol {
                protocol: other,
                not: y,
            },
        ) => match (x, y) {
            (false, false) => one != other,
            (true, true) => false,
            _ => one == other,
        },
        (
            Match::Icmp {
                kind: one,
                codes: a,
                not: false,
            },
            Match::Icmp {
                kind: other,
                codes: b,
                not: false,
            },
        ) => one != other || a.end() < b.start() || b.end() < a.start(),
        (
            Match::Input {
                device: one,
                not: x,
            },
            Match::Input {
                device: other,
                not: y,
            },
        )
        | (
            Match::Output {
                device: one,
                not: x,
            },
            Match::Output {
                device: other,
                not: y,
            },
        ) => {
            let is_name = !one.ends_with('+') && !other.ends_with('+');
            match (x, y) {
                (false, false) => is_name && one != other,
                (true, true) => false,
                _ => one == other,
            }
        }
        _ => false,
    }
}

/// Whether the first network has all of the other one.
fn holds(net: &crate::net::Net, other: &crate::net::Net) -> bool {
    let first = other.to_string();
    let first = first
        .split('/')
        .next()
        .and_then(|address| address.parse().ok());
    net.length() <= other.length() && first.is_some_and(|address| net.contains(address))
}

fn overlap(one: &crate::net::Net, other: &crate::net::Net) -> bool {
    holds(one, other) || holds(other, one)
}

/// Whether a rule is an HMARK rule of the same marks for some of the packets, as for pings behind NAT.
fn is_refinement(rule: &Rule, hmark: &HmarkRule<'_>) -> bool {
    let Target::Hmark(info) = &rule.target else {
        return false;
    };
    let has_all = hmark
        .rule
        .matches
        .iter()
        .all(|condition| rule.matches.contains(condition));
    range(info) == range(hmark.info) && has_all && rule.matches.len() > hmark.rule.matches.len()
}
