// SPDX-License-Identifier: GPL-2.0-only

//! Where the packets of a mark go by the ip rules of a host: some packets of each mark are looked up as
//! `hmark predict` looks up a flow, so that both give the same answer.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hmark::Family;

use super::site::HmarkRule;
use super::Site;
use crate::flow::{Flow, Layer4, Protocol};
use crate::marks::{bits, steps, Step};
use crate::net::Net;
use crate::routing::{lookup, Action, Found, Key, Next, Origin, Routes, RoutingRule};
use crate::ruleset::{End, Match};

/// The most packets of a mark that are looked up.
const MOST_PACKETS: usize = 64;

/// The most routes of a table without a default route that packets are sent to.
const MOST_ROUTES: usize = 4;

/// Ports that ip rules seldom ask for.
const PORTS: (u16, u16) = (50_000, 50_001);

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

/// Packets that meet an HMARK rule, each with the device that it comes in by: one to where most go, one to
/// each of some routes of tables without a default route, and one for each ip rule with more selectors.
fn packets(
    site: &Site<'_>,
    routes: &Routes,
    hmark: &HmarkRule<'_>,
    steps: &[Step<'_>],
) -> Vec<(Flow, String)> {
    let matches = &hmark.rule.matches;
    let of_net = |wanted: End| {
        matches.iter().find_map(|condition| match condition {
            Match::Net {
                end,
                net,
                not: false,
            } if *end == wanted => address(net),
            _ => None,
        })
    };
    let device = matches.iter().find_map(|condition| match condition {
        Match::Input { device, not: false } => Some(device.trim_end_matches('+').to_owned()),
        _ => None,
    });
    let protocol = matches.iter().find_map(|condition| match condition {
        Match::Protocol {
            protocol,
            not: false,
        } => Some(*protocol),
        _ => None,
    });
    let tables: Vec<&str> = steps.iter().filter_map(|step| table(step.rule)).collect();
    let outside = outside(site.family, routes, matches, &tables);
    // A name that no device has fits no ip rule that asks for a device.
    let device = device.unwrap_or_default();
    let protocol = protocol.unwrap_or(Protocol::TCP);
    let source = of_net(End::Source).unwrap_or(outside);
    let wanted = of_net(End::Destination);
    // Packets to an address of the host that are forwarded go to another one, which is not known here.
    let is_translated = wanted.is_some_and(|address| site.is_own(address));
    let first = wanted.filter(|_| !is_translated).unwrap_or(outside);
    let mut all = Vec::new();
    let mut add = |source, destination, protocol: Protocol, ports: (u16, u16), device: &str| {
        let layer4 = match protocol.has_ports() {
            true => Layer4::Ports {
                source: ports.0,
                destination: ports.1,
            },
            false => Layer4::None,
        };
        let flow = Flow::new(protocol, source, destination, layer4);
        if let (Some(flow), true) = (flow, all.len() < MOST_PACKETS) {
            all.push((flow, device.to_owned()));
        }
    };
    if !is_translated {
        add(source, first, protocol, PORTS, &device);
    }
    // A mark that no ip rule asks for has the packets of the others.
    if !steps.iter().any(|step| asks(step.rule, hmark)) {
        let rules = site.routing.into_iter().flat_map(|routing| &routing.rules);
        let mut tables = rules.filter(|rule| asks(rule, hmark)).filter_map(table);
        let without_default = tables.find(|table| !site.has_default(table));
        let routes = without_default.map_or(Vec::new(), |table| site.routes_of(table));
        let nets = routes.iter().map(|route| route.destination);
        for destination in nets.filter_map(|net| address(&net)).take(MOST_ROUTES) {
            add(source, destination, protocol, PORTS, &device);
        }
    }
    for step in steps {
        let rule = step.rule;
        let destinations = match table(rule) {
            Some(table) if asks(rule, hmark) && !site.has_default(table) => {
                let routes = site.routes_of(table);
                let nets = routes.iter().map(|route| route.destination);
                nets.filter_map(|net| address(&net))
                    .take(MOST_ROUTES)
                    .collect()
            }
            _ => Vec::new(),
        };
        for &destination in &destinations {
            add(source, destination, protocol, PORTS, &device);
        }
        if step.condition.is_none() || rule.not || !asks(rule, hmark) {
            continue;
        }
        let source = address(&rule.source).unwrap_or(source);
        let first = destinations.first().copied().unwrap_or(first);
        let destination = address(&rule.destination).unwrap_or(first);
        let device = rule.input.as_deref().unwrap_or(&device);
        let port = |ports: &Option<std::ops::RangeInclusive<u16>>, other: u16| {
            ports.as_ref().map_or(other, |ports| *ports.start())
        };
        let ports = (port(&rule.sport, PORTS.0), port(&rule.dport, PORTS.1));
        let protocol = rule.protocol.unwrap_or(protocol);
        add(source, destination, protocol, ports, device);
    }
    if all.is_empty() {
        // Wherever they are translated to, it is by tables with default routes.
        let layer4 = Layer4::Ports {
            source: PORTS.0,
            destination: PORTS.1,
        };
        let flow = Flow::new(protocol, source, outside, layer4);
        all.extend(flow.map(|flow| (flow, device)));
    }
    all
}

fn table(rule: &RoutingRule) -> Option<&str> {
    match &rule.action {
        Action::Table(table) => Some(table),
        _ => None,
    }
}

/// An address in a network: the second one, since the first may be that of a broadcast. [`None`] if the
/// network has all addresses.
fn address(net: &Net) -> Option<IpAddr> {
    let bits = net.family().address_bits();
    let number = match net.length() {
        0 => return None,
        length if length < bits => net.number() | 1,
        _ => net.number(),
    };
    Some(match net.family() {
        Family::Ipv4 => IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(number).ok()?)),
        Family::Ipv6 => IpAddr::V6(Ipv6Addr::from_bits(number)),
    })
}

/// An address that default routes alone lead to, if there is one among some of the Internet, and which the
/// matches of a rule do not leave out.
fn outside(family: Family, routes: &Routes, matches: &[Match], tables: &[&str]) -> IpAddr {
    let candidates: [IpAddr; 4] = match family {
        Family::Ipv4 => [
            [203, 0, 113, 199],
            [198, 18, 77, 1],
            [8, 8, 8, 8],
            [1, 1, 1, 1],
        ]
        .map(|bytes| IpAddr::V4(bytes.into())),
        Family::Ipv6 => [
            [0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1],
            [0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888],
            [0x2606, 0x4700, 0x4700, 0, 0, 0, 0, 0x1111],
            [0x2620, 0xfe, 0, 0, 0, 0, 0, 0xfe],
        ]
        .map(|words| IpAddr::V6(words.into())),
    };
    let is_left_out = |address: IpAddr| {
        matches.iter().any(
            |condition| matches!(condition, Match::Net { net, not: true, .. } if net.contains(address)),
        )
    };
    let is_outside = |address: &IpAddr| {
        let longer = |table: &&str| {
            let mut to = routes.to(table, *address).flatten();
            to.any(|route| route.destination.length() > 0)
        };
        !is_left_out(*address) && !tables.iter().any(|table| longer(table))
    };
    let [first, ..] = candidates;
    candidates.into_iter().find(is_outside).unwrap_or(first)
}
