// SPDX-License-Identifier: GPL-2.0-only

//! Mistakes in routing rules (`ip rule`).

use std::collections::BTreeSet;

use hmark::rule::v1::Info;

use super::lookups::{self, Ways};
use super::site::{folded, is_for, HmarkRule};
use super::tables::unused_tables;
use super::{Found, Site};
use crate::marks::bits;
use crate::routing::{Action, RoutingRule};

/// The most routing rules by marks that cost little when walked one by one.
const MANY: usize = 32;

/// The most commands for one finding.
const MOST_COMMANDS: usize = 8;

/// Marks that no routing rule asks for, each with the table that it seems to be meant for.
fn without<'h>(site: &Site<'h>, hmark: &HmarkRule<'h>) -> Vec<(u32, Option<String>)> {
    let ways = site.ways(hmark);
    let is_dropped = |ways: &Ways<'_>| ways.all.iter().any(|way| way.by_refusal().is_some());
    let without: Vec<u32> = hmark
        .marks
        .iter()
        .copied()
        .filter(|mark| {
            let ways = ways.get(mark);
            ways.is_some_and(|ways| ways.asking.is_empty() && !is_dropped(ways))
        })
        .collect();
    let unused = unused_tables(site);
    let tables = site.tables();
    let mut named = tables.iter();
    let has_own_tables = named.any(|(mark, table)| mark.to_string() == *table);
    let table = |mark: u32| {
        let own = mark.to_string();
        match (&unused[..], &without[..]) {
            _ if unused.contains(&own.as_str()) => Some(own),
            // What is left over on both sides belongs together.
            ([table], [_]) => Some((*table).to_owned()),
            _ if has_own_tables || without.len() == hmark.marks.len() => Some(own),
            _ => None,
        }
    };
    without.iter().map(|&mark| (mark, table(mark))).collect()
}

/// The tables that marks without a routing rule seem to be meant for.
pub fn tables_of_missing(site: &Site<'_>) -> BTreeSet<String> {
    let rules = site.before_routing();
    rules
        .flat_map(|hmark| without(site, hmark))
        .filter_map(|(_, table)| table)
        .collect()
}

/// Marks without a routing rule.
pub fn missing(site: &Site<'_>, all: &mut Vec<Found>) {
    if site.routing.is_none() {
        return;
    }
    for hmark in site.before_routing() {
        let with_tables = without(site, hmark);
        let without: Vec<u32> = with_tables.iter().map(|(mark, _)| *mark).collect();
        // Other rules may choose by the mark instead, as DNAT and NFQUEUE do.
        let is_for_others = without.len() == hmark.marks.len() && site.is_matched(&without);
        if without.is_empty() || is_for_others {
            continue;
        }
        let commands = with_tables.iter().take(MOST_COMMANDS).map(|(mark, table)| {
            format!(
                "{} rule add fwmark {} table {}",
                site.ip(),
                wanted(*mark, hmark.info),
                table.as_deref().unwrap_or("TABLE")
            )
        });
        all.push(Found {
            place: Some(hmark.place()),
            marks: without.clone(),
            sentence: format!(
                "no ip rule is for mark {}: its packets go by {}",
                folded(&without),
                by_others(site, hmark, &without)
            ),
            remedy: "add an ip rule for each mark, and a table with a route to its gateway"
                .to_owned(),
            commands: commands.collect(),
        });
    }
}

/// The tables that packets of marks go by.
fn by_others<'h>(site: &Site<'h>, hmark: &HmarkRule<'h>, marks: &[u32]) -> String {
    let ways = site.ways(hmark);
    let of_marks = marks.iter().filter_map(|mark| ways.get(mark));
    let tables: BTreeSet<&str> = of_marks
        .flat_map(|ways| &ways.all)
        .filter_map(|way| Some(way.by_table()?.1))
        .collect();
    let tables: Vec<&str> = tables.into_iter().collect();
    match &tables[..] {
        [] => "the main table".to_owned(),
        [table] => format!("the {table} table"),
        tables => format!("the tables {}", tables.join(", ")),
    }
}

/// A mark as `ip rule` is to have it.
fn wanted(mark: u32, info: &Info) -> String {
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
