// SPDX-License-Identifier: GPL-2.0-only

//! A match against a packet: yes, no, or the reason why that cannot be told.

use std::net::IpAddr;

use super::matches::{AddressType, End, Match};
use super::state::States;
use super::tracking::Tracking;
use super::unclear::Unclear;
use super::walk::Subject;
use crate::cannot_tell::NO_INPUT;
use crate::flow::Layer4;
use crate::net;

/// What a packet has picked up on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carried {
    pub mark: u32,
    /// Its connection, as the table at hand sees it.
    pub tracking: Tracking,
}

/// Whether a packet matches.
///
/// # Errors
///
/// The reason why it cannot be told.
pub(super) fn evaluate<'r>(
    condition: &'r Match,
    subject: &Subject<'_>,
    carried: &Carried,
) -> Result<bool, Unclear<'r>> {
    let flow = subject.flow;
    if !subject.is_followed && asks_for_layer4(condition) {
        let reason = "the packet's headers cannot be followed to its protocol";
        return Err(Unclear::Clause(reason));
    }
    let address = |end| match end {
        End::Source => flow.source,
        End::Destination | End::Either => flow.destination,
    };
    Ok(match condition {
        Match::Net { end, net, not } => net.contains(address(*end)) != *not,
        Match::Protocol { protocol, not } => (flow.protocol == *protocol) != *not,
        Match::Input { device, not } => match subject.input {
            Some(input) => is_device(device, input) != *not,
            None => return Err(Unclear::Clause(NO_INPUT)),
        },
        Match::Output { device, not } => match subject.output {
            Some(output) => is_device(device, output) != *not,
            None => {
                let reason = "the device of the packet's first route is not known";
                return Err(Unclear::Clause(reason));
            }
        },
        Match::LaterFragment { not } => subject.is_later_fragment != *not,
        Match::Layer4 => !subject.is_later_fragment,
        Match::Port { end, ports, not } => {
            // A rule asks for ports only with a protocol that has some, which is another match.
            let Some((source, destination)) = flow.ports() else {
                return match flow.protocol.has_ports() {
                    true => Err(Unclear::Clause("the flow's ports are not known")),
                    false => Ok(false),
                };
            };
            let has = |port| ports.iter().any(|range| range.contains(&port));
            let found = match end {
                End::Source => has(source),
                End::Destination => has(destination),
                End::Either => has(source) || has(destination),
            };
            found != *not
        }
        Match::Icmp { kind, codes, not } => match flow.layer4 {
            Layer4::Icmp {
                kind: own, code, ..
            } => (own == *kind && codes.contains(&code)) != *not,
            _ if !flow.protocol.is_icmp() => false,
            _ => return Err(Unclear::Clause("the ICMP message is not known")),
        },
        Match::Mark { value, mask, not } => (carried.mark & mask == *value) != *not,
        Match::ConnectionMark { value, mask, not } => match carried.tracking {
            Tracking {
                connection: None, ..
            } => false,
            Tracking {
                mark: Some(mark), ..
            } => (mark & mask == *value) != *not,
            _ => return Err(Unclear::Clause("the connection's mark is not known")),
        },
        Match::State { states, not } => {
            let Some((state, translated)) = carried.tracking.states() else {
                let reason = "the state of the packet's connection is not known";
                return Err(Unclear::Clause(reason));
            };
            match translated {
                _ if states.meets(state) => !*not,
                Some(translated) => states.meets(translated) != *not,
                None if !states.meets(States::SNAT.with(States::DNAT)) => *not,
                None => {
                    let reason = "it is not known whether the connection is translated";
                    return Err(Unclear::Clause(reason));
                }
            }
        }
        Match::AddressType { end, types, not } => {
            types.contains(&type_of(address(*end), subject)?) != *not
        }
        Match::Range {
            end,
            first,
            last,
            not,
        } => (*first..=*last).contains(&net::number(address(*end))) != *not,
        Match::Unknown(text) => return Err(Unclear::Match(text)),
    })
}

/// Whether a match is of the protocol, or of more behind the headers of the network layer.
fn asks_for_layer4(condition: &Match) -> bool {
    matches!(
        condition,
        Match::Protocol { .. }
            | Match::LaterFragment { .. }
            | Match::Layer4
            | Match::Port { .. }
            | Match::Icmp { .. }
    )
}

/// Whether a device has this name or, before a `+`, a name that begins with this.
fn is_device(name: &str, device: &str) -> bool {
    match name.strip_suffix('+') {
        Some(beginning) => device.starts_with(beginning),
        None => name == device,
    }
}

/// The type of an address: `__inet_dev_addr_type()` in `net/ipv4/fib_frontend.c`, and `match_type6()` in
/// `net/netfilter/xt_addrtype.c`.
fn type_of(address: IpAddr, subject: &Subject<'_>) -> Result<AddressType, Unclear<'static>> {
    match address {
        IpAddr::V4(address) if address.octets()[0] == 0 || address.is_broadcast() => {
            return Ok(AddressType::Broadcast)
        }
        address if address.is_multicast() => return Ok(AddressType::Multicast),
        _ => {}
    }
    let unknown = Unclear::Clause("the host's own addresses are not known");
    let addresses = subject.addresses.ok_or(unknown)?;
    addresses.type_of(address)
}
