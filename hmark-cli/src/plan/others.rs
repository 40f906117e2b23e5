// SPDX-License-Identifier: GPL-2.0-only

//! Rules of a host that are not of a plan, and come in the way of its marks, although they take nothing that
//! the plan needs.

use std::collections::HashSet;
use std::net::IpAddr;

use hmark::Family;

use super::chain::{self, HOOKS};
use super::Plan;
use crate::host::Host;
use crate::marks::{marks, steps, Step};
use crate::routing::{Action, Kind, Routes, RoutingRule, RoutingRules};
use crate::ruleset::{Chain, RuleSet, Table, Target};

/// Sentences about routing rules of others that come before those of the plan, and lead packets with marks of
/// it to a default route, or drop them. Rules that take some of the packets alone are left to `hmark check`.
pub fn come_first(plan: &Plan, rules: &RoutingRules, routes: Option<&Routes>) -> Vec<String> {
    let first = plan.rules.first().map_or(0, |rule| rule.preference);
    let is_before =
        |rule: &&RoutingRule| rule.preference < first && rule.owner != Some(plan.site.protocol);
    let before = RoutingRules {
        family: rules.family,
        rules: rules.rules.iter().filter(is_before).cloned().collect(),
    };
    let mut all: Vec<(&RoutingRule, Vec<u32>)> = Vec::new();
    for mark in plan.site.marks.all() {
        let steps = steps(&before, mark);
        let Some(step) = steps.iter().find(|step| takes_all(step, routes)) else {
            continue;
        };
        match all
            .iter_mut()
            .find(|(rule, _)| std::ptr::eq(*rule, step.rule))
        {
            Some((_, marks)) => marks.push(mark),
            None => all.push((step.rule, vec![mark])),
        }
    }
    let sentence = |(rule, marks): &(&RoutingRule, Vec<u32>)| {
        let which = match marks.as_slice() {
            [mark] => format!("the mark {mark:#x}"),
            marks if u32::try_from(marks.len()) == Ok(plan.site.marks.count) => {
                "its marks".to_owned()
            }
            marks => format!("{} of its marks", marks.len()),
        };
        let instead = match rule.preference {
            0 | 1 => String::new(),
            preference => format!(", or give preference a number below {preference}"),
        };
        format!(
            "a rule of {} comes before those of the plan, and takes packets with {which}: {rule}: delete it{instead}",
            rules.family
        )
    };
    all.iter().map(sentence).collect()
}

/// True if no packet gets past a rule.
fn takes_all(step: &Step<'_>, routes: Option<&Routes>) -> bool {
    if step.condition.is_some() {
        return false;
    }
    match &step.rule.action {
        Action::Refuse(_) => true,
        Action::Table(table) if step.rule.suppress_prefix.is_none() => {
            let mut routes = routes.into_iter().flat_map(|routes| routes.of(table));
            routes.any(|route| {
                let is_for_all = route.destination.length() == 0 && route.selector.is_none();
                is_for_all && route.kind != Kind::Throw
            })
        }
        _ => false,
    }
}

/// Sentences about devices of a plan that the host does not have, and about gateways that are the host itself.
pub fn not_there(plan: &Plan, host: &Host) -> Vec<String> {
    let links = match host.links.get() {
        Some(links) if !links.0.is_empty() => links,
        _ => return Vec::new(),
    };
    let mut all = Vec::new();
    let mut devices = HashSet::new();
    for gateway in &plan.site.gateways {
        let device = &gateway.device;
        if devices.insert(device) && links.find(device).is_none() {
            all.push(format!(
                "there is no device {device}, by which the gateway {} is to be reached",
                gateway.name
            ));
        }
        let own = [
            gateway.address4.map(IpAddr::V4),
            gateway.address6.map(IpAddr::V6),
        ];
        let is_own = |address: &IpAddr| {
            let mut addresses = links.0.iter().flat_map(|link| &link.addresses);
            addresses.any(|own| own.local == Some(*address))
        };
        if let Some(address) = own.into_iter().flatten().find(is_own) {
            all.push(format!(
                "{address} of the gateway {} is an address of this host itself",
                gateway.name
            ));
        }
    }
    all
}

/// Sentences about chains named as those of a plan, but of another name, that give marks of this plan: they
/// stay behind when a plan's name is changed.
pub fn left_behind(plan: &Plan, rules: &RuleSet) -> Vec<String> {
    let Some(table) = rules.table("mangle") else {
        return Vec::new();
    };
    let own: HashSet<u32> = plan.site.marks.all().collect();
    let names = HOOKS.map(|hook| chain::name(&plan.site, hook));
    let gives = |chain: &&Chain| {
        let mut targets = chain.rules.iter().map(|rule| &rule.target);
        let is_other = chain.name.starts_with("HMARK-") && !names.contains(&chain.name);
        is_other
            && targets.any(|target| match target {
                Target::Hmark(info) => {
                    let marks = marks(info).unwrap_or_default();
                    marks.iter().any(|mark| own.contains(mark))
                }
                _ => false,
            })
    };
    let tables = match rules.family {
        Family::Ipv4 => "iptables",
        Family::Ipv6 => "ip6tables",
    };
    let sentence = |chain: &Chain| {
        let name = &chain.name;
        let [here, out] = &names;
        let own = match name.ends_with("-out") {
            true => out,
            false => here,
        };
        // Under a new name it goes on at once; but there may be one of this name, too.
        let (what, commands) = match table.chain(own) {
            None => ("rename it", vec![format!("-E {name} {own}")]),
            Some(_) => {
                let mut commands = jumps(table, name);
                commands.extend([format!("-F {name}"), format!("-X {name}")]);
                ("take it away", commands)
            }
        };
        let commands: Vec<_> = commands
            .iter()
            .map(|command| format!("{tables} -t mangle {command}"))
            .collect();
        format!(
            "the chain {name} of {tables} gives marks of this plan, as one does that had another name before: \
             {what}: {}",
            commands.join("; ")
        )
    };
    let mut chains: Vec<&Chain> = table.chains.iter().filter(gives).collect();
    chains.sort_by(|one, other| one.name.cmp(&other.name));
    chains.into_iter().map(sentence).collect()
}

/// The ends of the commands that delete all rules which lead to a chain. Those with matches, whose text may
/// have anything in it, are deleted by number, the last first.
fn jumps(table: &Table, name: &str) -> Vec<String> {
    let mut commands = Vec::new();
    for chain in &table.chains {
        for rule in chain.rules.iter().rev() {
            let Target::Chain { place, .. } = rule.target else {
                continue;
            };
            if table.chains.get(place).is_none_or(|to| to.name != name) {
                continue;
            }
            let from = &chain.name;
            commands.push(match rule.matches.is_empty() {
                true => format!("-D {from} -j {name}"),
                false => format!("-D {from} {}", rule.number),
            });
        }
    }
    commands
}
