// SPDX-License-Identifier: GPL-2.0-only

//! Packets that the kernel drops, whatever the rules and routes: martians, and those to be forwarded where
//! forwarding is off.
//!
//! It follows `ip_route_input_slow()` and `fib_validate_source()` in `net/ipv4/route.c` and `fib_frontend.c`,
//! and `ip6_rcv_core()` and `ip6_forward()` in `net/ipv6/`. Not followed is `rp_filter`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use super::settings::is_on;
use crate::cannot_tell::{CannotTell, NO_INPUT};
use crate::flow::Flow;
use crate::host::Host;
use crate::routing::{lookup, Found, Key, Next, Origin, Routes, RoutingRules};
use crate::ruleset::{AddressType, Addresses};

const LOOPBACK: &str = "lo";

/// The end of a packet's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// A rule of iptables, at this place.
    ByRule(String),
    /// The kernel itself, for this reason.
    ByKernel(String),
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByRule(text) | Self::ByKernel(text) => f.write_str(text),
        }
    }
}

/// A packet that was routed.
#[derive(Clone, Debug)]
pub struct Routed<'r> {
    /// The rule and route; [`None`] if the kernel drops the packet before it looks for them.
    pub found: Option<Found<'r>>,
    /// The reason why the kernel drops the packet, other than the route itself.
    pub dropped: Option<String>,
}

/// The reason why the kernel drops a packet that comes in before any rule sees it: `ip6_rcv_core()`.
pub(super) fn dropped_at_once(flow: &Flow, input: Option<&str>) -> Option<Dropped> {
    let (IpAddr::V6(source), IpAddr::V6(destination)) = (flow.source, flow.destination) else {
        return None;
    };
    let why = if source.is_multicast() {
        "a multicast address is no source"
    } else if input == Some(LOOPBACK) {
        return None;
    } else if source.is_loopback() {
        "the source ::1 only comes in by lo"
    } else if destination.is_loopback() {
        "packets to ::1 only come in by lo"
    } else {
        return None;
    };
    Some(Dropped::ByKernel(why.to_owned()))
}

/// Looks up the way of a packet, unless the kernel drops it before, and says whether it does after.
/// `forwarding` is what [`forwarding()`](super::forwarding()) says.
///
/// # Errors
///
/// The reason why it cannot be told.
pub fn routed<'r>(
    host: &Host,
    rules: &'r RoutingRules,
    routes: &'r Routes,
    key: &Key<'_>,
    forwarding: &Result<Option<String>, CannotTell>,
) -> Result<Routed<'r>, CannotTell> {
    let input = match key.origin {
        // Its packets keep the route that they left with.
        Origin::Device(Some(LOOPBACK)) => None,
        Origin::Device(input) => Some(input),
        Origin::Own | Origin::OwnAgain => return own(host, rules, routes, key),
    };
    let Some(input) = input else {
        let found = lookup(rules, routes, key)?;
        return Ok(Routed {
            found: Some(found),
            dropped: None,
        });
    };
    match martian(host, key.flow, input)? {
        None => {}
        Some(Martian::Dropped(why)) => {
            return Ok(Routed {
                found: None,
                dropped: Some(why),
            })
        }
        Some(Martian::Broadcast) => {
            return Ok(Routed {
                found: Some(broadcast()),
                dropped: None,
            })
        }
    }
    let found = lookup(rules, routes, key)?;
    let mut dropped = match found.next {
        Next::Refused(_) | Next::NoRoute => None,
        _ => own_source(host, routes, key.flow, input)?,
    };
    if let (None, Next::Hop(hop)) = (&dropped, &found.next) {
        dropped = forwarding.clone()?;
        if dropped.is_none() {
            dropped = not_forwarded(key.flow, input, hop.device.as_deref())?;
        }
    }
    Ok(Routed {
        found: Some(found),
        dropped,
    })
}

/// The way of the host's own packet.
fn own<'r>(
    host: &Host,
    rules: &'r RoutingRules,
    routes: &'r Routes,
    key: &Key<'_>,
) -> Result<Routed<'r>, CannotTell> {
    let Flow {
        source,
        destination,
        ..
    } = *key.flow;
    if matches!(destination, IpAddr::V4(address) if address.is_unspecified() || address.is_broadcast())
    {
        let reason =
            format!("the host's own packets to {destination} are not sent by routes alone");
        return Err(CannotTell::because(reason));
    }
    let found = lookup(rules, routes, key)?;
    let dropped = match &found.next {
        Next::Hop(hop) if source.is_ipv4() && source.is_loopback() => {
            let why = |setting| format!("the source {source} does not leave the host ({setting})");
            is_on(host, hop.device.as_deref(), "route_localnet")?
                .err()
                .map(why)
        }
        _ => None,
    };
    Ok(Routed {
        found: Some(found),
        dropped,
    })
}

/// A packet that is not routed by rules and routes.
enum Martian {
    /// It is dropped for this reason.
    Dropped(String),
    /// It is delivered as a broadcast.
    Broadcast,
}

fn broadcast<'r>() -> Found<'r> {
    Found {
        rules: Vec::new(),
        table: None,
        walked: 0,
        route: None,
        next: Next::Broadcast,
    }
}

/// Whether the kernel decides by a packet's addresses alone: the first part of `ip_route_input_slow()`.
fn martian(host: &Host, flow: &Flow, input: Option<&str>) -> Result<Option<Martian>, CannotTell> {
    let (IpAddr::V4(source), IpAddr::V4(destination)) = (flow.source, flow.destination) else {
        return Ok(None);
    };
    let end = |end: &str, address: Ipv4Addr| format!("the {end} {address} is a martian");
    let why = if source.is_multicast() || source.is_broadcast() {
        end("source", source)
    } else if destination.is_broadcast()
        || (source.is_unspecified() && destination.is_unspecified())
    {
        return Ok(Some(Martian::Broadcast));
    } else if source.is_unspecified() {
        end("source", source)
    } else if destination.is_unspecified() {
        end("destination", destination)
    } else if destination.is_loopback() || source.is_loopback() {
        let Err(setting) = is_on(host, input, "route_localnet")? else {
            return Ok(None);
        };
        match destination.is_loopback() {
            true => format!("{} ({setting})", end("destination", destination)),
            false => format!("{} ({setting})", end("source", source)),
        }
    } else {
        return Ok(None);
    };
    Ok(Some(Martian::Dropped(why)))
}

/// The reason why a packet is dropped that comes in from an address of the host itself:
/// `fib_validate_source()`.
fn own_source(
    host: &Host,
    routes: &Routes,
    flow: &Flow,
    input: Option<&str>,
) -> Result<Option<String>, CannotTell> {
    let source = flow.source;
    if source.is_ipv6() || source == IpAddr::V4(Ipv4Addr::UNSPECIFIED) {
        return Ok(None);
    }
    Ok(match routes.type_of(source) {
        Ok(AddressType::Local) => {
            let why = |setting| format!("the source {source} is the host's own ({setting})");
            is_on(host, input, "accept_local")?.err().map(why)
        }
        Ok(AddressType::Broadcast) => {
            let reason =
                format!("the kernel may take the broadcast address {source} for a martian");
            return Err(CannotTell::because(reason));
        }
        _ => None,
    })
}

/// The reason why an IPv6 packet is not forwarded to another device than the one that it came in by:
/// `ip6_forward()`.
fn not_forwarded(
    flow: &Flow,
    input: Option<&str>,
    output: Option<&str>,
) -> Result<Option<String>, CannotTell> {
    let IpAddr::V6(source) = flow.source else {
        return Ok(None);
    };
    if !source.is_unspecified() && !source.is_unicast_link_local() {
        return Ok(None);
    }
    if input.is_none() {
        return Err(CannotTell::because(NO_INPUT).at(format!("packets from {source}")));
    }
    let dropped = format!("packets from {source} are not forwarded");
    Ok((input != output).then_some(dropped))
}
