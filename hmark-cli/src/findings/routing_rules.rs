// SPDX-License-Identifier: GPL-2.0-only

//! Mistakes in routing rules (`ip rule`).

use hmark::rule::v1::Info;

use super::site::{folded, is_own};
use super::{Found, Site};
use crate::marks::{bits, steps};
use crate::routing::{Action, RoutingRule};

/// The most routing rules by marks that cost little when walked one by one.
const MANY: usize = 32;

/// The most commands for one finding.
const MOST_COMMANDS: usize = 8;

/// Marks without a routing rule.
pub fn missing(site: &Site<'_>, all: &mut Vec<Found>) {
    let Some(routing) = site.routing else {
        return;
    };
    for rule in site.before_routing() {
        let meets = |mark: u32| {
            routing.rules.iter().any(|rule| {
                let fits = |(value, mask): (u32, u32)| mask != 0 && (mark ^ value) & mask == 0;
                !rule.not && rule.mark.is_some_and(fits)
            })
        };
        let without: Vec<u32> = rule
            .marks
            .iter()
            .copied()
            .filter(|&mark| mark != 0 && !meets(mark))
            .collect();
        // Other rules may choose by the mark instead, as DNAT and NFQUEUE do.
        let is_for_others = without.len() == rule.marks.len() && site.is_matched(&without);
        if without.is_empty() || is_for_others {
            continue;
        }
        let has_own_tables = site
            .tables()
            .iter()
            .any(|(mark, table)| mark.to_string() == *table);
        let commands = without.iter().take(MOST_COMMANDS).map(|&mark| {
            let table = match has_own_tables || without.len() == rule.marks.len() {
                true => mark.to_string(),
                false => "TABLE".to_owned(),
            };
            format!(
                "{} rule add fwmark {} table {table}",
                site.ip(),
                wanted(mark, rule.info)
            )
        });
        all.push(Found {
            place: Some(rule.place()),
            marks: without.clone(),
            sentence: format!(
                "no ip rule is for mark {}: its packets go by the main table",
                folded(&without)
            ),
            remedy: "add an ip rule for each mark, and a table with a route to its gateway"
                .to_owned(),
            commands: commands.collect(),
        });
    }
}

/// A mark as `ip rule` is to have it.
fn wanted(mark: u32, info: &Info) -> String {
    match bits(info) {
        u32::MAX => mark.to_string(),
        mask => format!("{mark:#x}/{mask:#x}"),
    }
}

/// Routing rules whose mask is not that of the HMARK rule.
pub fn mask(site: &Site<'_>, all: &mut Vec<Found>) {
    for rule in site.before_routing() {
        let own_bits = bits(rule.info);
        for &mark in &rule.marks {
            let Some(routing_rule) = site.own_rule(mark, rule.info) else {
                continue;
            };
            let Some((_, mask)) = routing_rule.mark else {
                continue;
            };
            let others = rule
                .marks
                .iter()
                .filter(|other| **other != mark && (**other ^ mark) & mask == 0);
            let others: Vec<u32> = others.copied().collect();
            let takes_others = others.iter().any(|&other| {
                let own = site.own_rule(other, rule.info);
                own.is_some_and(|own| own.preference >= routing_rule.preference)
            });
            let sentence = if mask & !own_bits != 0 && own_bits != u32::MAX {
                format!(
                    "the ip rule for mark {mark:#x} asks for bits that --hmark-mask {own_bits:#x} leaves to others: \
                     a packet with one of them misses it"
                )
            } else if takes_others {
                format!(
                    "the ip rule for mark {mark} has the mask {mask:#x}, and takes mark {}, too",
                    folded(&others)
                )
            } else {
                continue;
            };
            let Action::Table(table) = &routing_rule.action else {
                continue;
            };
            let ip = site.ip();
            let preference = routing_rule.preference;
            all.push(Found {
                place: Some(format!("ip rule {preference}: {}", routing_rule.text)),
                marks: vec![mark],
                sentence,
                remedy: "give the ip rule the mask of the HMARK rule".to_owned(),
                commands: vec![
                    format!(
                        "{ip} rule add pref {preference} fwmark {} table {table}",
                        wanted(mark, rule.info)
                    ),
                    format!(
                        "{ip} rule del pref {preference} fwmark {mark:#x}/{mask:#x} table {table}"
                    ),
                ],
            });
        }
    }
}

/// Calls a function for each mark that has a routing rule of its own, with that rule and those that packets
/// with the mark meet before it.
fn before_own<'h>(
    site: &Site<'h>,
    mut each: impl FnMut(u32, &'h RoutingRule, &[crate::marks::Step<'h>]),
) {
    let Some(routing) = site.routing else {
        return;
    };
    for rule in site.before_routing() {
        for &mark in &rule.marks {
            let Some(own) = site.own_rule(mark, rule.info) else {
                continue;
            };
            let steps = steps(routing, mark);
            let place = steps.iter().position(|step| std::ptr::eq(step.rule, own));
            let before = steps
                .get(..place.unwrap_or(steps.len()))
                .unwrap_or_default();
            each(mark, own, before);
        }
    }
}

/// Routing rules that come after one that takes all packets, such as that of the main table.
pub fn too_late(site: &Site<'_>, all: &mut Vec<Found>) {
    before_own(site, |mark, own, before| {
        let takes_all = before.iter().find(|step| match &step.rule.action {
            Action::Table(table) => {
                step.condition.is_none()
                    && step.rule.mark.is_none()
                    && step.rule.suppress_prefix.is_none()
                    && site.has_default(table)
            }
            _ => false,
        });
        let (Some(step), Action::Table(table)) = (takes_all, &own.action) else {
            return;
        };
        let ip = site.ip();
        all.push(Found {
            place: Some(format!("ip rule {}: {}", own.preference, own.text)),
            marks: vec![mark],
            sentence: format!(
                "the ip rule for mark {mark} comes after that of preference {} (\"{}\"), which takes all packets",
                step.rule.preference, step.rule.text
            ),
            remedy: "give it a smaller preference".to_owned(),
            commands: vec![
                format!("{ip} rule add pref 1000 fwmark {mark} table {table}"),
                format!("{ip} rule del pref {} fwmark {mark} table {table}", own.preference),
            ],
        });
    });
}

/// Routing rules of others that take packets with a mark before its own does: `not fwmark 0xca6c lookup
/// 51820` of wg-quick, for example.
pub fn of_others(site: &Site<'_>, all: &mut Vec<Found>) {
    let is_for_hmark = |rule: &RoutingRule| {
        site.before_routing().any(|hmark| {
            hmark
                .marks
                .iter()
                .any(|&mark| is_own(rule, mark, hmark.info))
        })
    };
    before_own(site, |mark, own, before| {
        let other = before.iter().find(|step| {
            step.rule.mark.is_some()
                && !is_for_hmark(step.rule)
                && matches!(step.rule.action, Action::Table(_) | Action::Refuse(_))
        });
        let Some(step) = other else {
            return;
        };
        all.push(Found {
            place: Some(format!("ip rule {}: {}", step.rule.preference, step.rule.text)),
            marks: vec![mark],
            sentence: format!(
                "this ip rule, which is for other marks, takes packets with mark {mark} before their own does"
            ),
            remedy: format!(
                "let the ip rules of HMARK come first (theirs is {} here), or give HMARK other marks",
                own.preference
            ),
            commands: Vec::new(),
        });
    });
}

/// Routing rules that drop the packets of a mark.
pub fn refuses(site: &Site<'_>, all: &mut Vec<Found>) {
    for rule in site.before_routing() {
        for &mark in &rule.marks {
            let Some(own) = site.own_rule(mark, rule.info) else {
                continue;
            };
            let Action::Refuse(word) = &own.action else {
                continue;
            };
            all.push(Found {
                place: Some(format!("ip rule {}: {}", own.preference, own.text)),
                marks: vec![mark],
                sentence: format!("packets with mark {mark} are dropped ({word})"),
                remedy: "to take a mark out, give it the weight 0: its flows then go to all others"
                    .to_owned(),
                commands: vec![format!(
                    "{} rule add pref {} fwmark {} table {mark}",
                    site.ip(),
                    own.preference,
                    wanted(mark, rule.info)
                )],
            });
        }
    }
}

/// Many routing rules that are walked one by one.
pub fn many(site: &Site<'_>, all: &mut Vec<Found>) {
    let Some(routing) = site.routing else {
        return;
    };
    let by_mark = routing
        .rules
        .iter()
        .filter(|rule| rule.mark.is_some() && !rule.not);
    let count = by_mark
        .filter(|rule| matches!(rule.action, Action::Table(_)))
        .count();
    let has_guard = routing
        .rules
        .iter()
        .any(|rule| matches!(rule.action, Action::Goto(_)));
    if site.hmark.is_empty() || count <= MANY || has_guard {
        return;
    }
    all.push(Found {
        place: None,
        marks: Vec::new(),
        sentence: format!(
            "{count} ip rules by marks are walked one by one, and by packets without a mark all of them"
        ),
        remedy: "let packets without a mark leave early, by a guard before these rules: marks in an aligned \
                 block have common upper bits, and END is the preference of an ip rule after them"
            .to_owned(),
        commands: vec![format!("{} rule add pref PREF not fwmark OFFSET/MASK goto END", site.ip())],
    });
}
