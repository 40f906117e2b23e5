// SPDX-License-Identifier: GPL-2.0-only

//! Mistakes in routing rules (`ip rule`).

use std::collections::BTreeSet;

use hmark::rule::v1::Info;

use super::lookups;
use super::site::{folded, is_for, HmarkRule};
use super::{Found, Site};
use crate::marks::bits;
use crate::routing::{Action, RoutingRule};

/// The most routing rules by marks that cost little when walked one by one.
const MANY: usize = 32;

/// The most commands for one finding.
pub const MOST_COMMANDS: usize = 8;

/// A mark as `ip rule` is to have it.
pub fn wanted(mark: u32, info: &Info) -> String {
    match bits(info) {
        u32::MAX => mark.to_string(),
        mask => format!("{mark:#x}/{mask:#x}"),
    }
}

/// A routing rule as `ip rule` takes it back.
fn deletion(site: &Site<'_>, rule: &RoutingRule) -> String {
    format!(
        "{} rule del pref {} {}",
        site.ip(),
        rule.preference,
        rule.text
    )
}

/// Marks by the routing rule that decides about them.
type ByRule<'h> = Vec<(&'h RoutingRule, BTreeSet<u32>)>;

fn add<'h>(all: &mut ByRule<'h>, rule: &'h RoutingRule, mark: u32) {
    match all.iter_mut().find(|(other, _)| std::ptr::eq(*other, rule)) {
        Some((_, marks)) => {
            marks.insert(mark);
        }
        None => all.push((rule, BTreeSet::from([mark]))),
    }
}

/// The routing rule that is meant for a mark: it asks for its value.
fn meant<'h>(site: &Site<'h>, mark: u32, hmark: &HmarkRule<'_>) -> Option<&'h RoutingRule> {
    let mut rules = site.routing?.rules.iter();
    rules.find(|rule| is_for(rule, mark, hmark))
}

/// Routing rules whose mask is not that of the HMARK rule.
pub fn mask(site: &Site<'_>, all: &mut Vec<Found>) {
    for hmark in site.before_routing() {
        let own_bits = bits(hmark.info);
        let mut say = |rule: &RoutingRule, marks: Vec<u32>, mark: u32, sentence| {
            let (Some((_, mask)), Action::Table(table)) = (rule.mark, &rule.action) else {
                return;
            };
            let (ip, preference) = (site.ip(), rule.preference);
            all.push(Found {
                place: Some(format!("ip rule {rule}")),
                marks,
                sentence,
                remedy: "give the ip rule the mask of the HMARK rule".to_owned(),
                commands: vec![
                    format!(
                        "{ip} rule add pref {preference} fwmark {} table {table}",
                        wanted(mark, hmark.info)
                    ),
                    format!(
                        "{ip} rule del pref {preference} fwmark {mark:#x}/{mask:#x} table {table}"
                    ),
                ],
            });
        };
        let mut by_rule = ByRule::new();
        for (&mark, ways) in site.ways(hmark) {
            let own = meant(site, mark, hmark);
            for (rule, _) in ways.all.iter().filter_map(|way| way.by_table()) {
                let is_own = own.is_none_or(|own| std::ptr::eq(own, rule));
                if !is_own && lookups::asks(rule, hmark) {
                    add(&mut by_rule, rule, mark);
                }
            }
            let asks_for_more = own.and_then(|own| Some((own, own.mark?.1)));
            if let Some((own, _)) =
                asks_for_more.filter(|(_, mask)| mask & !own_bits != 0 && own_bits != u32::MAX)
            {
                let sentence = format!(
                    "the ip rule for mark {mark:#x} asks for bits that --hmark-mask {own_bits:#x} leaves to others: \
                     a packet with one of them misses it"
                );
                say(own, vec![mark], mark, sentence);
            }
        }
        for (rule, taken) in by_rule {
            let Some((value, mask)) = rule.mark else {
                continue;
            };
            // A rule for none of the marks is one of others.
            if !hmark.marks.contains(&value) {
                continue;
            }
            let taken: Vec<u32> = taken.into_iter().collect();
            let sentence = format!(
                "the ip rule for mark {value} has the mask {mask:#x}, and takes mark {}, too",
                folded(&taken)
            );
            say(rule, taken, value, sentence);
        }
    }
}

/// Routing rules that come after one that takes all packets, such as that of the main table.
pub fn too_late(site: &Site<'_>, all: &mut Vec<Found>) {
    for hmark in site.before_routing() {
        for (&mark, ways) in site.ways(hmark) {
            let deciding = || ways.all.iter().filter_map(|way| way.rule);
            let Some(own) = ways.asking.first() else {
                continue;
            };
            if deciding().any(|rule| lookups::asks(rule, hmark)) {
                continue;
            }
            let takes_all = ways.all.iter().find_map(|way| {
                let (rule, _) = way.by_table()?;
                let is_for_all = way.condition.is_none() && rule.mark.is_none();
                (is_for_all && is_before(site, rule, own)).then_some(rule)
            });
            let Some(first) = takes_all else {
                continue;
            };
            all.push(Found {
                place: Some(format!("ip rule {own}")),
                marks: vec![mark],
                sentence: format!(
                    "the ip rule for mark {mark} comes after that of preference {} (\"{}\"), which takes all packets",
                    first.preference, first.text
                ),
                remedy: "give it a smaller preference".to_owned(),
                commands: vec![
                    format!(
                        "{} rule add pref {} {}",
                        site.ip(),
                        first.preference.saturating_sub(1).max(1),
                        own.text
                    ),
                    deletion(site, own),
                ],
            });
        }
    }
}

/// Whether a routing rule comes before another one.
fn is_before(site: &Site<'_>, one: &RoutingRule, other: &RoutingRule) -> bool {
    let place = |wanted: &RoutingRule| {
        let mut rules = site.routing?.rules.iter();
        rules.position(|rule| std::ptr::eq(rule, wanted))
    };
    place(one) < place(other)
}

/// Routing rules of others that take packets with a mark before its own does: `not fwmark 0xca6c lookup
/// 51820` of wg-quick, for example.
pub fn of_others(site: &Site<'_>, all: &mut Vec<Found>) {
    let is_for_hmark = |rule: &RoutingRule| {
        site.before_routing()
            .any(|hmark| hmark.marks.iter().any(|&mark| is_for(rule, mark, hmark)))
    };
    let mut by_rule = ByRule::new();
    for hmark in site.before_routing() {
        for (&mark, ways) in site.ways(hmark) {
            for (rule, _) in ways.all.iter().filter_map(|way| way.by_table()) {
                let own = meant(site, mark, hmark).filter(|own| is_before(site, rule, own));
                if own.is_some() && rule.mark.is_some() && !is_for_hmark(rule) {
                    add(&mut by_rule, rule, mark);
                }
            }
        }
    }
    for (rule, marks) in by_rule {
        let marks: Vec<u32> = marks.into_iter().collect();
        all.push(Found {
            place: Some(format!("ip rule {rule}")),
            marks: marks.clone(),
            sentence: format!(
                "this ip rule, which is for other marks, takes packets with mark {} before their own does",
                folded(&marks)
            ),
            remedy: format!(
                "let the ip rules of HMARK come first (with a preference below {}), or give HMARK other marks",
                rule.preference
            ),
            commands: Vec::new(),
        });
    }
}

/// Routing rules that drop the packets of marks.
pub fn refuses(site: &Site<'_>, all: &mut Vec<Found>) {
    for hmark in site.before_routing() {
        let mut by_rule = ByRule::new();
        let mut shown = Vec::new();
        for (&mark, ways) in site.ways(hmark) {
            for way in &ways.all {
                let Some((rule, word)) = way.by_refusal() else {
                    continue;
                };
                // A rule for some packets, whatever their mark, is a filter.
                if rule.mark.is_some() || way.condition.is_none() {
                    add(&mut by_rule, rule, mark);
                    shown.push((rule, way.condition.as_deref(), word));
                }
            }
        }
        for (rule, marks) in by_rule {
            let marks: Vec<u32> = marks.into_iter().collect();
            let shown = shown.iter().find(|(other, ..)| std::ptr::eq(*other, rule));
            let Some((_, condition, word)) = shown else {
                continue;
            };
            let some = condition.map_or(String::new(), |condition| format!(" ({condition})"));
            let mut commands = vec![deletion(site, rule)];
            let has_next = |mark: &u32| {
                let rules = site.routing.into_iter().flat_map(|routing| &routing.rules);
                let mut others = rules.filter(|other| !std::ptr::eq(*other, rule));
                others.any(|other| {
                    let fits = other
                        .mark
                        .is_some_and(|(value, mask)| (mark ^ value) & mask == 0);
                    fits && lookups::asks(other, hmark) && matches!(other.action, Action::Table(_))
                })
            };
            let without = marks.iter().filter(|mark| !has_next(mark));
            commands.extend(without.take(MOST_COMMANDS).map(|&mark| {
                format!(
                    "{} rule add pref {} fwmark {} table {mark}",
                    site.ip(),
                    rule.preference,
                    wanted(mark, hmark.info)
                )
            }));
            all.push(Found {
                place: Some(format!("ip rule {rule}")),
                marks: marks.clone(),
                sentence: format!(
                    "packets with mark {}{some} are dropped ({word})",
                    folded(&marks)
                ),
                remedy: format!(
                    "delete this ip rule; to take a mark out, {}: its flows then go to all others",
                    hmark.weight_0(&marks)
                ),
                commands,
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
