// SPDX-License-Identifier: GPL-2.0-only

//! Marks that no ip rule asks for, and the tables that they seem to be meant for.

use std::collections::BTreeSet;

use super::lookups::Ways;
use super::routing_rules::{wanted, MOST_COMMANDS};
use super::site::{folded, HmarkRule};
use super::tables::unused_tables;
use super::{Found, Site};

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
    // Other rules may choose by the mark instead, as DNAT and NFQUEUE do.
    if without.len() == hmark.marks.len() && site.is_matched(&without) {
        return Vec::new();
    }
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
        if without.is_empty() {
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
