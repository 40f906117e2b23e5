// SPDX-License-Identifier: GPL-2.0-only

//! Where the packets of a mark go by the ip rules of a host: some packets of each mark are looked up as
//! `hmark predict` looks up a flow, so that both give the same answer.

use std::collections::BTreeMap;

use super::packets::{address, outside, packets, PORTS};
use super::site::HmarkRule;
use super::Site;
use crate::flow::{Flow, Layer4, Protocol};
use crate::marks::{bits, steps, Step};
use crate::net::Net;
use crate::routing::{lookup, Action, Found, Key, Next, Origin, RoutingRule};

/// How the packets of a mark fare.
#[derive(Clone, Debug, Default)]
pub struct Ways<'h> {
    /// One way for each ip rule that decides; none if that cannot be told, or all packets are the host's.
    pub all: Vec<Way<'h>>,
    /// The ip rules that ask for the mark and look into a table or drop packets, in order.
    pub asking: Vec<&'h RoutingRule>,
}

/// The way of a packet.
#[derive(Clone, Debug)]
pub struct Way<'h> {
    /// The ip rule that decided; [`None`] if none did.
    pub rule: Option<&'h RoutingRule>,
    /// Its selectors other than the mark, in the words of `ip rule`; [`None`] if it has none.
    pub condition: Option<String>,
    /// The outcome of the lookup.
    pub found: Found<'h>,
}

impl<'h> Way<'h> {
    /// The ip rule that decided, if it looks into a table.
    pub fn by_table(&self) -> Option<(&'h RoutingRule, &'h str)> {
        Some((self.rule?, self.found.table?))
    }

    /// The ip rule that dropped the packet, with the word for that.
    pub fn by_refusal(&self) -> Option<(&'h RoutingRule, &'h str)> {
        match (&self.found.next, self.found.table) {
            (Next::Refused(word), None) => Some((self.rule?, word)),
            _ => None,
        }
    }
}

/// Whether an ip rule asks for a mark by bits that an HMARK rule sets.
pub fn asks(rule: &RoutingRule, hmark: &HmarkRule<'_>) -> bool {
    !rule.not
        && rule
            .mark
            .is_some_and(|(_, mask)| mask & bits(hmark.info) != 0)
}

/// The ways of all marks of an HMARK rule but 0, which packets without a mark have, too.
pub fn ways<'h>(site: &Site<'h>, hmark: &HmarkRule<'h>) -> BTreeMap<u32, Ways<'h>> {
    let mut all = BTreeMap::new();
    let Some(routing) = site.routing else {
        return all;
    };
    for &mark in hmark.marks.iter().filter(|mark| **mark != 0) {
        let steps = steps(routing, mark);
        let is_asking = |step: &&Step<'h>| {
            asks(step.rule, hmark)
                && matches!(step.rule.action, Action::Table(_) | Action::Refuse(_))
        };
        let asking = steps.iter().filter(is_asking).map(|step| step.rule);
        let mut ways = Ways {
            all: Vec::new(),
            asking: asking.collect(),
        };
        if let Some(routes) = site.routes {
            for (flow, device) in packets(site, routes, hmark, &steps) {
                let key = Key {
                    flow: &flow,
                    mark,
                    origin: match hmark.is_for_forwarded() {
                        true => Origin::Device(Some(&device)),
                        false => Origin::OwnAgain,
                    },
                };
                if let Ok(found) = lookup(routing, routes, &key) {
                    add(found, &steps, &mut ways.all);
                }
            }
        }
        all.insert(mark, ways);
    }
    all
}

/// Adds the outcome of a lookup, unless it is the host's own packet, or the ip rule has decided another one.
fn add<'h>(found: Found<'h>, steps: &[Step<'h>], all: &mut Vec<Way<'h>>) {
    if matches!(found.next, Next::Local | Next::Broadcast) {
        return;
    }
    let rule = match (found.table, &found.next) {
        (None, Next::NoRoute) => None,
        _ => found.rules.last().copied(),
    };
    let is_it = |other: &RoutingRule| rule.is_some_and(|rule| std::ptr::eq(rule, other));
    let is_known = |way: &Way<'_>| match way.rule {
        Some(other) => is_it(other),
        None => rule.is_none(),
    };
    if all.iter().any(is_known) {
        return;
    }
    let step = steps.iter().find(|step| is_it(step.rule));
    all.push(Way {
        rule,
        condition: step.and_then(|step| step.condition.clone()),
        found,
    });
}

/// Where packets without a mark go to a network, or to the Internet; [`None`] if that cannot be told.
pub fn without_mark<'h>(site: &Site<'h>, net: &Net) -> Option<Next<'h>> {
    let (routing, routes) = (site.routing?, site.routes?);
    let outside = || outside(site.family, routes, &[], &["main"]);
    let destination = address(net).unwrap_or_else(outside);
    let layer4 = Layer4::Ports {
        source: PORTS.0,
        destination: PORTS.1,
    };
    let flow = Flow::new(Protocol::TCP, outside(), destination, layer4)?;
    let key = Key {
        flow: &flow,
        mark: 0,
        origin: Origin::Device(Some("")),
    };
    Some(lookup(routing, routes, &key).ok()?.next)
}
