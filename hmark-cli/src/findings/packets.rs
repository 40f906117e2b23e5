// SPDX-License-Identifier: GPL-2.0-only

//! The packets by which the ways of marks are looked up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use hmark::Family;

use super::lookups::asks;
use super::site::HmarkRule;
use super::Site;
use crate::flow::{Flow, Layer4, Protocol};
use crate::marks::Step;
use crate::net::Net;
use crate::routing::{Action, Routes, RoutingRule};
use crate::ruleset::{End, Match};

/// The most packets of a mark that are looked up.
const MOST_PACKETS: usize = 64;

/// The most routes of a table without a default route that packets are sent to.
const MOST_ROUTES: usize = 4;

/// Ports that ip rules seldom ask for.
pub const PORTS: (u16, u16) = (50_000, 50_001);

/// Packets that meet an HMARK rule, each with the device that it comes in by: one to where most go, one to
/// each of some routes of tables without a default route, and one for each ip rule with more selectors.
pub fn packets(
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
        let port = |ports: &Option<RangeInclusive<u16>>, other: u16| {
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
pub fn address(net: &Net) -> Option<IpAddr> {
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
pub fn outside(family: Family, routes: &Routes, matches: &[Match], tables: &[&str]) -> IpAddr {
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
        !is_left_out(*address) && !tables.iter().any(longer)
    };
    let [first, ..] = candidates;
    candidates.into_iter().find(is_outside).unwrap_or(first)
}
