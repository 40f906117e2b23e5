// SPDX-License-Identifier: GPL-2.0-only

//! The canonical text of the routing of marks: the rules that each mark meets, and their tables.

use std::collections::BTreeMap;

use super::names::{is_link_local, Names};
use crate::marks::{steps, Step};
use crate::net::unspecified;
use crate::routing::{Action, Kind, Route, Routes, RoutingRules};

/// Writes the routing of marks of a family.
pub fn write(
    rules: &RoutingRules,
    routes: &Routes,
    marks: &[u32],
    names: &Names,
    lines: &mut Vec<String>,
) {
    // Tables are known by what is in them: their own names may differ.
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for &mark in marks {
        lines.push(format!("{} mark {mark:#x}", rules.family));
        for step in steps(rules, mark) {
            let action = match &step.rule.action {
                Action::Table(name) => {
                    let next = numbers.len() + 1;
                    let number = *numbers.entry(name).or_insert(next);
                    let suppress = step.rule.suppress_prefix;
                    let suppress = suppress.map_or(String::new(), |length| {
                        format!(" suppress_prefixlength {length}")
                    });
                    format!("table {number}{suppress}")
                }
                Action::Goto(preference) => format!("goto {preference}"),
                Action::Refuse(word) | Action::Unknown(word) => word.clone(),
                Action::Nop => "nop".to_owned(),
            };
            let condition = match &step.condition {
                Some(condition) => named(condition, names),
                None => "all".to_owned(),
            };
            lines.push(format!("  {condition}: {action}"));
            if ends(&step, routes) {
                break;
            }
        }
    }
    let mut numbered: Vec<(usize, &str)> = numbers
        .iter()
        .map(|(name, number)| (*number, *name))
        .collect();
    numbered.sort_unstable();
    for (number, name) in numbered {
        lines.push(format!("{} table {number}", rules.family));
        lines.extend(table(routes, name, names));
    }
}

/// Whether no packet with the mark goes on to another routing rule.
fn ends(step: &Step<'_>, routes: &Routes) -> bool {
    match &step.rule.action {
        Action::Table(table) if step.condition.is_none() && step.rule.suppress_prefix.is_none() => {
            has_default(routes, table)
        }
        _ => false,
    }
}

/// Whether a table has a route for each address.
pub fn has_default(routes: &Routes, table: &str) -> bool {
    let mut to_first = routes.to(table, unspecified(routes.family)).flatten();
    to_first.any(|route| {
        route.destination.length() == 0 && route.kind != Kind::Throw && route.selector.is_none()
    })
}

/// A condition with names for what is the host's own.
fn named(condition: &str, names: &Names) -> String {
    let mut last = "";
    let words = condition.split(' ').map(|word| {
        let name = match last {
            "from" | "to" => names.net(word),
            "iif" | "oif" => names.device(word),
            _ => word.to_owned(),
        };
        last = word;
        name
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The lines of a table, in the order of destinations, and of preference for one destination.
fn table(routes: &Routes, name: &str, names: &Names) -> Vec<String> {
    let mut of_table: Vec<&Route> = routes
        .of(name)
        .filter(|route| !is_link_local(&route.destination))
        .collect();
    // Routes of one destination and metric have an order, too, which a stable sort keeps.
    of_table.sort_by_key(|route| {
        let net = route.destination;
        (net.number(), net.length(), route.metric)
    });
    of_table.iter().map(|route| line(route, names)).collect()
}

fn line(route: &Route, names: &Names) -> String {
    let kind = match &route.kind {
        Kind::Unicast => "",
        Kind::Local => " local",
        Kind::Broadcast => " broadcast",
        Kind::Throw => " throw",
        Kind::Refuse(word) | Kind::Unknown(word) => &format!(" {word}"),
    };
    let destination = match route.destination.length() {
        0 => "default".to_owned(),
        _ => names.net(&route.destination.to_string()),
    };
    let mut text = format!("  {destination}{kind}");
    let mut hops: Vec<String> = route
        .hops
        .iter()
        .map(|hop| {
            let gateway = hop
                .gateway
                .map_or(String::new(), |gateway| format!(" via {gateway}"));
            let device = hop
                .device
                .as_ref()
                .map_or(String::new(), |device| format!(" {}", names.device(device)));
            format!("{gateway}{device}")
        })
        .collect();
    hops.sort();
    text.push_str(&hops.join(" and"));
    if let Some(selector) = &route.selector {
        text.push(' ');
        text.push_str(selector);
    }
    text
}
