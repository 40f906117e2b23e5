// SPDX-License-Identifier: GPL-2.0-only

//! The lookup of a packet's way: rules by preference, and in each table the longest prefix.

use std::ops::RangeInclusive;

use hmark::Family;

use super::routes::{Hop, Kind, Route, Routes};
use super::rules::{Action, RoutingRule, RoutingRules};
use crate::cannot_tell::{CannotTell, NO_INPUT};
use crate::flow::{Flow, Layer4};

/// A packet as routing sees it.
#[derive(Clone, Copy, Debug)]
pub struct Key<'k> {
    /// Its flow.
    pub flow: &'k Flow,
    /// Its mark.
    pub mark: u32,
    /// Where it comes from.
    pub origin: Origin<'k>,
}

/// Where a packet comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'k> {
    /// It came in by a device; [`None`] if it is not known by which.
    Device(Option<&'k str>),
    /// The host itself sends it, and asks for a route.
    Own,
    /// The host itself sends it, and its mark has changed in OUTPUT: the kernel asks again, without ports
    /// and protocol.
    OwnAgain,
}

/// The outcome of a lookup.
#[derive(Clone, Debug)]
pub struct Found<'r> {
    /// The rules that were met, the last of which decided: those whose selectors fit.
    pub rules: Vec<&'r RoutingRule>,
    /// The number of rules that the packet was compared with, those included that do not fit it: the cost.
    pub walked: usize,
    /// The table of the route; [`None`] if the last rule itself decided, or none did.
    pub table: Option<&'r str>,
    /// The route; [`None`] if there is none.
    pub route: Option<&'r Route>,
    /// Where the packet goes.
    pub next: Next<'r>,
}

/// Where a packet goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next<'r> {
    /// It is for the host itself.
    Local,
    /// It is for everyone on a network.
    Broadcast,
    /// It is sent to the gateway, or on the device.
    Hop(&'r Hop),
    /// It is refused: `blackhole`, `unreachable` or `prohibit`.
    Refused(&'r str),
    /// There is no route.
    NoRoute,
}

/// Looks up the way of a packet.
///
/// # Errors
///
/// The reason why it cannot be told, at a rule or route.
pub fn lookup<'r>(
    rules: &'r RoutingRules,
    routes: &'r Routes,
    key: &Key<'_>,
) -> Result<Found<'r>, CannotTell> {
    if key.flow.destination.is_multicast() {
        return Err(CannotTell::because("multicast is routed by other rules"));
    }
    let mut met = Vec::new();
    let (mut at, mut walked) = (0_usize, 0_usize);
    while let Some(rule) = rules.rules.get(at) {
        walked = walked.saturating_add(1);
        let place = || format!("ip rule {rule}");
        at = at.saturating_add(1);
        if !fits(rule, key).map_err(|reason| CannotTell::because(reason).at(place()))? {
            continue;
        }
        match &rule.action {
            Action::Nop => {}
            Action::Goto(preference) => {
                met.push(rule);
                // The kernel only goes forwards; a rule that leads nowhere does nothing.
                let to = rules
                    .rules
                    .iter()
                    .position(|other| other.preference == *preference);
                if let Some(to) = to.filter(|to| *to >= at) {
                    at = to;
                }
            }
            Action::Refuse(word) => {
                met.push(rule);
                return Ok(Found {
                    rules: met,
                    walked,
                    table: None,
                    route: None,
                    next: Next::Refused(word),
                });
            }
            Action::Table(table) => {
                let found = in_table(routes, table, rule.suppress_prefix, key);
                if let Some((route, next)) = found.map_err(|reason| reason.or_at(place))? {
                    met.push(rule);
                    return Ok(Found {
                        rules: met,
                        walked,
                        table: Some(table),
                        route: Some(route),
                        next,
                    });
                }
            }
            Action::Unknown(word) => {
                let reason = format!("the action \"{word}\" is not understood");
                return Err(CannotTell::because(reason).at(place()));
            }
        }
    }
    Ok(Found {
        rules: met,
        walked,
        table: None,
        route: None,
        next: Next::NoRoute,
    })
}

impl CannotTell {
    fn or_at(self, place: impl Fn() -> String) -> Self {
        match self.place {
            Some(_) => self,
            None => self.at(place()),
        }
    }
}

/// Whether a rule's selectors fit a packet: one that certainly does not counts more than any that cannot be
/// told, unless the rule is inverted.
fn fits(rule: &RoutingRule, key: &Key<'_>) -> Result<bool, String> {
    let mut reason = None;
    for answer in selectors(rule, key) {
        match answer {
            Ok(true) => {}
            Ok(false) => return Ok(rule.not),
            Err(unknown) => reason = reason.or(Some(unknown)),
        }
    }
    reason.map_or(Ok(!rule.not), Err)
}

/// The answers of those selectors that a rule has.
fn selectors<'k>(
    rule: &'k RoutingRule,
    key: &'k Key<'_>,
) -> impl Iterator<Item = Result<bool, String>> + 'k {
    let flow = key.flow;
    let mark = rule
        .mark
        .map(|(mark, mask)| Ok((key.mark ^ mark) & mask == 0));
    let input = rule.input.as_ref().map(|device| match key.origin {
        Origin::Device(Some(input)) => Ok(device == input),
        Origin::Device(None) => Err(NO_INPUT.to_string()),
        Origin::Own | Origin::OwnAgain => Ok(device == "lo"),
    });
    let output = rule.output.as_ref().map(|device| match key.origin {
        Origin::Device(_) => Ok(false),
        _ => Err(format!(
            "it is not known whether the packet's socket is bound to {device}"
        )),
    });
    let has_layer4 = rule.protocol.is_some() || rule.sport.is_some() || rule.dport.is_some();
    let answers = [
        Some(Ok(rule.source.contains(flow.source))),
        Some(Ok(rule.destination.contains(flow.destination))),
        mark,
        input,
        output,
        has_layer4.then(|| layer4(rule, key)),
    ];
    let others = rule.others.iter();
    let others = others.map(|other| Err(format!("\"{other}\" is not understood")));
    answers.into_iter().flatten().chain(others)
}

/// Whether protocol and ports of a rule fit.
fn layer4(rule: &RoutingRule, key: &Key<'_>) -> Result<bool, String> {
    if key.origin == Origin::OwnAgain {
        let reason =
            "the kernel may look for protocol and ports, or not, after the mark has changed";
        return Err(reason.to_string());
    }
    if rule
        .protocol
        .is_some_and(|protocol| protocol != key.flow.protocol)
    {
        return Ok(false);
    }
    if rule.sport.is_none() && rule.dport.is_none() {
        return Ok(true);
    }
    let (source, destination) = match key.flow.layer4 {
        Layer4::Ports {
            source,
            destination,
        } => (source, destination),
        // The kernel's flow dissector takes the two halves of an SPI for ports.
        Layer4::Spi(spi) => halves(spi),
        _ if key.flow.protocol.has_ports() || key.flow.protocol.has_spi() => {
            return Err("the flow's ports are not known".to_string());
        }
        _ => return Ok(false),
    };
    let has = |ports: &Option<RangeInclusive<u16>>, port| {
        ports.as_ref().is_none_or(|ports| ports.contains(&port))
    };
    Ok(has(&rule.sport, source) && has(&rule.dport, destination))
}

fn halves(number: u32) -> (u16, u16) {
    let [a, b, c, d] = number.to_be_bytes();
    (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
}

/// The route of a table that a packet takes; [`None`] if the next rule is to be tried.
fn in_table<'r>(
    routes: &'r Routes,
    table: &str,
    suppressed: Option<u32>,
    key: &Key<'_>,
) -> Result<Option<(&'r Route, Next<'r>)>, CannotTell> {
    for same in routes.to(table, key.flow.destination) {
        let Some((route, next)) = among(same, table)? else {
            continue;
        };
        if route.kind == Kind::Throw {
            return Ok(None);
        }
        // The kernel suppresses a route that was found, not one that refuses: that is an error at once.
        let is_suppressed = suppressed.is_some_and(|length| route.destination.length() <= length);
        let is_refused = matches!(next, Next::Refused(_));
        return Ok((!is_suppressed || is_refused).then_some((route, next)));
    }
    Ok(None)
}

/// The route among those of one prefix; [`None`] if none of them is usable.
fn among<'r>(same: &'r [Route], table: &str) -> Result<Option<(&'r Route, Next<'r>)>, CannotTell> {
    for (index, route) in same.iter().enumerate() {
        let cannot_tell = |reason: String| {
            let place = format!("table {table}: {route}");
            Err(CannotTell::because(reason).at(place))
        };
        if let Some(selector) = &route.selector {
            return cannot_tell(format!("\"{selector}\" of a route is not understood"));
        }
        let next = match &route.kind {
            Kind::Local => Next::Local,
            Kind::Broadcast => Next::Broadcast,
            Kind::Throw => Next::NoRoute,
            Kind::Refuse(word) => Next::Refused(word),
            Kind::Unknown(word) => {
                return cannot_tell(format!("a route of type {word} is not understood"))
            }
            Kind::Unicast => {
                // In IPv6, routes of one prefix and metric are one multipath route, or the better
                // reachable one is taken.
                let others = same.iter().skip(index.saturating_add(1));
                let others = others.take_while(|other| other.metric == route.metric);
                let is_ipv6 = route.destination.family() == Family::Ipv6;
                let also = others.filter(|_| is_ipv6).flat_map(|other| &other.hops);
                let mut hops: Vec<&Hop> = route.hops.iter().chain(also).collect();
                if hops.is_empty() {
                    return cannot_tell(match route.nexthop_id {
                        Some(id) => format!("nexthop {id} is not in the text"),
                        None => "the route has neither a gateway nor a device".to_string(),
                    });
                }
                hops.retain(|hop| !hop.is_dead);
                match hops.as_slice() {
                    [] => continue,
                    [hop] => Next::Hop(hop),
                    hops => {
                        let names: Vec<_> = hops.iter().map(|hop| hop.to_string()).collect();
                        return cannot_tell(format!(
                            "one of several hops is taken, {}",
                            names.join(" or ")
                        ));
                    }
                }
            }
        };
        return Ok(Some((route, next)));
    }
    Ok(None)
}
