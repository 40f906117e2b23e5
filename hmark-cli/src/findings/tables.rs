// SPDX-License-Identifier: GPL-2.0-only

//! Mistakes in the tables and routes of marks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::site::{folded, is_for, HmarkRule};
use super::unruled::tables_of_missing;
use super::{Found, Site};
use crate::net::Net;
use crate::routing::{Action, Kind};

/// Each table of a mark once, with its marks.
pub fn by_table<'h>(site: &Site<'h>) -> BTreeMap<&'h str, Vec<u32>> {
    let mut tables: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for (mark, table) in site.tables() {
        tables.entry(table).or_default().push(mark);
    }
    tables
}

/// Tables without any route.
pub fn empty(site: &Site<'_>, all: &mut Vec<Found>) {
    let Some(routes) = site.routes else {
        return;
    };
    let tables = by_table(site);
    // Routes by nexthop objects go with the device of these, and do not come back with it.
    let is_planned = tables.keys().any(|table| {
        let mut routes = site.routes_of(table).into_iter();
        routes.any(|route| route.nexthop_id.is_some())
    });
    let remedy = match is_planned {
        true => "if the device of its gateway was down, run the script of hmark plan again; otherwise add a route to \
                 the mark's gateway, or name the right table in the ip rule",
        false => "add a route to the mark's gateway, or name the right table in the ip rule",
    };
    for (table, marks) in tables {
        if routes.has_table(table) {
            continue;
        }
        all.push(Found {
            place: Some(format!("table {table}")),
            marks: marks.clone(),
            sentence: format!(
                "the table of mark {} has no {} route: its packets go by the next ip rule that fits",
                folded(&marks),
                site.family
            ),
            remedy: remedy.to_owned(),
            commands: match is_planned {
                true => vec!["hmark plan /etc/hmark.toml | sh".to_owned()],
                false => vec![format!("{} route add {} via GATEWAY table {table}", site.ip(), usual(site))],
            },
        });
    }
}

/// The destination that marks' tables have routes to: the default, or if they have none, their first one.
fn usual(site: &Site<'_>) -> String {
    let tables = by_table(site);
    let first = tables.keys().find_map(|table| {
        let routes = site.routes_of(table);
        routes.first().map(|route| route.destination)
    });
    first.map_or("default".to_owned(), |net| net.destination())
}

/// Tables that lack a destination that all others have.
pub fn without_route(site: &Site<'_>, all: &mut Vec<Found>) {
    if site.routes.is_none() {
        return;
    }
    let tables = by_table(site);
    let destinations = |table: &str| -> BTreeSet<String> {
        let routes = site.routes_of(table);
        routes
            .iter()
            .map(|route| route.destination.to_string())
            .collect()
    };
    let by_name: BTreeMap<&str, BTreeSet<String>> = tables
        .keys()
        .map(|table| (*table, destinations(table)))
        .filter(|(_, nets)| !nets.is_empty())
        .collect();
    let every: BTreeSet<&String> = by_name.values().flatten().collect();
    for net in every {
        let without: Vec<&str> = by_name
            .iter()
            .filter(|(_, nets)| !nets.contains(net))
            .map(|(table, _)| *table)
            .collect();
        // A route that most have is missing; one that most have not is special.
        if without.is_empty() || without.len() * 2 > by_name.len() {
            continue;
        }
        for table in without {
            let marks = tables.get(table).map(Vec::as_slice).unwrap_or_default();
            let destination = match *net == default(site) {
                true => "default",
                false => net,
            };
            all.push(Found {
                place: Some(format!("table {table}")),
                marks: marks.to_vec(),
                sentence: format!(
                    "the table of mark {} has no route to {destination}, unlike those of the other marks",
                    folded(marks)
                ),
                remedy: "add the route".to_owned(),
                commands: vec![format!("{} route add {destination} via GATEWAY table {table}", site.ip())],
            });
        }
    }
}

fn default(site: &Site<'_>) -> String {
    Net::every(site.family).to_string()
}

/// The tables that no routing rule leads to; none if that cannot be told.
pub fn unused_tables<'h>(site: &Site<'h>) -> Vec<&'h str> {
    let (Some(routing), Some(routes)) = (site.routing, site.routes) else {
        return Vec::new();
    };
    let is_unknown = |action: &Action| matches!(action, Action::Unknown(_));
    if site.hmark.is_empty() || routing.rules.iter().any(|rule| is_unknown(&rule.action)) {
        return Vec::new();
    }
    let used: BTreeSet<&str> = routing
        .rules
        .iter()
        .filter_map(|rule| match &rule.action {
            Action::Table(table) => Some(table.as_str()),
            _ => None,
        })
        .collect();
    let tables: BTreeSet<&str> = routes.all().map(|(table, _)| table).collect();
    let unused = tables.difference(&used).copied();
    unused
        .filter(|table| !matches!(*table, "main" | "local" | "default"))
        .collect()
}

/// Tables that no routing rule leads to, but those of marks without one, which are named with these.
pub fn unused(site: &Site<'_>, all: &mut Vec<Found>) {
    let of_missing = tables_of_missing(site);
    let unused = unused_tables(site);
    for table in unused.iter().filter(|table| !of_missing.contains(**table)) {
        let of_mark = |hmark: &HmarkRule<'_>| {
            let mut marks = hmark.marks.iter();
            marks.any(|mark| mark.to_string() == **table)
        };
        let own = site.before_routing().find(|hmark| of_mark(hmark));
        let own = own.and_then(|hmark| {
            let mark = table.parse().ok()?;
            let own = site.own_rule(mark, hmark)?;
            // A rule for several marks is meant as it is.
            is_for(own, mark, hmark).then_some(own)
        });
        let commands = own.map(|own| {
            let rule = format!("pref {} {}", own.preference, own.text);
            let to = rule.rsplit_once("lookup ").map(|(start, _)| start);
            let ip = site.ip();
            let add = format!("{ip} rule add {}lookup {table}", to.unwrap_or_default());
            to.map(|_| vec![add, format!("{ip} rule del {rule}")])
        });
        all.push(Found {
            place: Some(format!("table {table}")),
            marks: Vec::new(),
            sentence: "the table has routes, but no ip rule leads to it".to_owned(),
            remedy: format!(
                "name it in the ip rule of its mark, or delete it ({} route flush table {table})",
                site.ip()
            ),
            commands: commands.flatten().unwrap_or_default(),
        });
    }
}

/// Routes that drop the packets of a mark.
pub fn refuses(site: &Site<'_>, all: &mut Vec<Found>) {
    for (table, marks) in by_table(site) {
        let first = site
            .routes_of(table)
            .into_iter()
            .find(|route| route.destination.length() == 0);
        let Some(Kind::Refuse(word)) = first.map(|route| &route.kind) else {
            continue;
        };
        all.push(Found {
            place: Some(format!("table {table}")),
            marks: marks.clone(),
            sentence: format!("packets with mark {} are dropped ({word})", folded(&marks)),
            remedy: format!(
                "give it a gateway; to take a mark out, {}: its flows then go to all others",
                site.weight_0(&marks)
            ),
            commands: vec![format!(
                "{} route replace default via GATEWAY table {table}",
                site.ip()
            )],
        });
    }
}

/// Two marks with one table, where all others have their own.
pub fn shared(site: &Site<'_>, all: &mut Vec<Found>) {
    let tables = by_table(site);
    let single = tables.values().filter(|marks| marks.len() == 1).count();
    // Several marks for each gateway, or for one with more capacity, are meant.
    if single * 2 <= tables.len() {
        return;
    }
    for (table, marks) in tables.iter().filter(|(_, marks)| marks.len() > 1) {
        all.push(Found {
            place: Some(format!("table {table}")),
            marks: marks.to_vec(),
            sentence: format!(
                "the marks {} have one table, and each other mark has its own: one gateway gets several shares",
                folded(marks)
            ),
            remedy: "name each mark's own table in its ip rule, unless this is meant".to_owned(),
            commands: Vec::new(),
        });
    }
}

/// The gateways of a table's first default route, or of its first route.
pub fn gateways(site: &Site<'_>, table: &str) -> Vec<IpAddr> {
    let routes = site.routes_of(table);
    let route = routes
        .iter()
        .find(|route| route.destination.length() == 0)
        .or(routes.first());
    route
        .into_iter()
        .flat_map(|route| &route.hops)
        .filter_map(|hop| hop.gateway)
        .collect()
}

/// Two tables with one gateway.
pub fn same_gateway(site: &Site<'_>, all: &mut Vec<Found>) {
    let mut by_gateway: BTreeMap<IpAddr, Vec<(&str, Vec<u32>)>> = BTreeMap::new();
    for (table, marks) in by_table(site) {
        if let [gateway] = gateways(site, table)[..] {
            by_gateway.entry(gateway).or_default().push((table, marks));
        }
    }
    for (gateway, tables) in by_gateway.iter().filter(|(_, tables)| tables.len() > 1) {
        let names: Vec<&str> = tables.iter().map(|(table, _)| *table).collect();
        let mut marks: Vec<u32> = tables.iter().flat_map(|(_, marks)| marks.clone()).collect();
        marks.sort_unstable();
        all.push(Found {
            place: Some(format!("tables {}", names.join(", "))),
            marks: marks.clone(),
            sentence: format!(
                "the marks {} have tables of their own, but one gateway, {gateway}: it gets several shares",
                folded(&marks)
            ),
            remedy: "give each table its own gateway, unless this one stands in for another; a weight of 0 \
                     spreads the flows of a gateway that is out over all others"
                .to_owned(),
            commands: vec![format!("{} route replace default via GATEWAY table TABLE", site.ip())],
        });
    }
}

/// Routes with several gateways.
pub fn multipath(site: &Site<'_>, all: &mut Vec<Found>) {
    for (table, marks) in by_table(site) {
        let routes = site.routes_of(table);
        let Some(route) = routes.iter().find(|route| route.hops.len() > 1) else {
            continue;
        };
        let hops: Vec<String> = route
            .hops
            .iter()
            .filter_map(|hop| hop.gateway)
            .map(|gateway| gateway.to_string())
            .collect();
        all.push(Found {
            place: Some(format!("table {table}")),
            marks: marks.clone(),
            sentence: format!(
                "the route of mark {} has several gateways ({}): the kernel chooses one, by a hash that other \
                 hosts, and replies, need not agree with",
                folded(&marks),
                hops.join(", ")
            ),
            remedy: "give each gateway a mark and a table of its own".to_owned(),
            commands: Vec::new(),
        });
    }
}
