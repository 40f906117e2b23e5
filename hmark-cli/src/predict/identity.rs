// SPDX-License-Identifier: GPL-2.0-only

//! The flow that a packet belongs to, in whichever direction, as the walk of [`hmark`] finds it.

use std::hash::{BuildHasher, RandomState};

use hmark::rule::v1::{flag, Info};
use hmark::{explain, Connection, Ends, Family, Found, Packet, Place, Subject, Tuple};

use super::answer::Reason;
use crate::flow::Protocol;

/// The flow of a packet, and the packet's direction in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// A number that both directions of the flow have, and another flow has by a chance of 2^-64.
    pub flow: u64,
    /// Whether the packet is sent by the end that comes first in the order of addresses and ports.
    pub is_forward: bool,
    /// Whether it is a fragment: then its ports are not known, as they are not to HMARK.
    pub is_fragment: bool,
    tuple: Tuple,
    place: Place,
}

/// Finds flows.
pub struct Identities {
    /// Rules that select all that tells flows apart, for each family.
    rules: [Info; 2],
    /// Its keys are random, so that nobody can make a capture whose flows' numbers collide.
    hasher: RandomState,
}

impl Identities {
    /// Finds flows by what a packet has outside, or by what it has inside of those tunnels that this rule
    /// looks into.
    pub fn new(tunnels: Option<&Info>) -> Self {
        let rules = Family::ALL.map(|_| {
            let mut rule = Info::default();
            let v0 = &mut rule.masked.v0;
            (v0.src_mask, v0.dst_mask) = ([u32::MAX; 4], [u32::MAX; 4]);
            (v0.port_mask, v0.proto_mask, v0.hmodulus) = (u32::MAX, u16::MAX, 1);
            if let Some(given) = tunnels.filter(|given| given.has(flag::INNER)) {
                v0.flags |= flag::INNER;
                (rule.gtpu_port, rule.vxlan_port) = (given.gtpu_port, given.vxlan_port);
                (rule.geneve_port, rule.inner) = (given.geneve_port, given.inner);
            }
            rule
        });
        Self {
            rules,
            hasher: RandomState::new(),
        }
    }

    /// The flow of a packet. An ICMP error belongs to that of the packet which it quotes.
    ///
    /// [`None`] if it cannot be followed to its ends.
    pub fn of<P: Packet + ?Sized>(&self, family: Family, packet: &P) -> Option<Identity> {
        let [ipv4, ipv6] = &self.rules;
        let rule = match family {
            Family::Ipv4 => ipv4,
            Family::Ipv6 => ipv6,
        };
        let explanation = explain(family, packet, rule);
        let Subject::Packet(Found::At(outer)) = explanation.subject else {
            return None;
        };
        let place = explanation.inner.unwrap_or(outer);
        let tuple = explanation.steps?.tuple;
        let (source, destination) = ends(&tuple);
        let is_sorted = source <= destination;
        let pair = match is_sorted {
            true => (source, destination),
            false => (destination, source),
        };
        Some(Identity {
            flow: self.hasher.hash_one((pair, tuple.protocol)),
            // What is quoted came from the other end.
            is_forward: is_sorted != place.quoted,
            is_fragment: place.fragment,
            tuple,
            place,
        })
    }

    /// The number of a tuple as a rule hashes it: without a direction, since the hash has none.
    pub fn of_tuple(&self, tuple: &Tuple) -> u64 {
        let (source, destination) = ends(tuple);
        let pair = match source <= destination {
            true => (source, destination),
            false => (destination, source),
        };
        self.hasher.hash_one((pair, tuple.protocol))
    }
}

/// Address and port of both ends. An SPI is the port of both.
fn ends(tuple: &Tuple) -> (([u32; 4], u32), ([u32; 4], u32)) {
    let (sport, dport) = match Protocol(tuple.protocol).has_spi() {
        true => (tuple.ports, tuple.ports),
        false => (tuple.ports >> 16, tuple.ports & 0xffff),
    };
    ((tuple.src.words(), sport), (tuple.dst.words(), dport))
}

/// The entry of a packet in conntrack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The entry.
    Is(Connection),
    /// There is none: conntrack leaves such packets alone.
    None,
    /// The packet does not tell, for this reason.
    Unknown(Reason),
}

/// A packet with its entry in conntrack.
pub struct Tracked<'p, P> {
    /// The packet.
    pub packet: &'p P,
    /// Its entry; [`None`] if it is not tracked.
    pub connection: Option<Connection>,
}

impl<P: Packet> Packet for Tracked<'_, P> {
    fn mark(&self) -> u32 {
        self.packet.mark()
    }

    fn end(&self) -> u32 {
        self.packet.end()
    }

    fn is_linear(&self) -> bool {
        self.packet.is_linear()
    }

    fn in_place<const N: usize>(&self, offset: u32) -> Option<&[u8; N]> {
        self.packet.in_place(offset)
    }

    fn copy<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        self.packet.copy(offset)
    }

    fn connection(&self) -> Option<Connection> {
        self.connection
    }
}

/// Types of ICMP and ICMPv6 messages that conntrack tracks: `net/netfilter/nf_conntrack_proto_icmp.c`
/// and `nf_conntrack_proto_icmpv6.c`. Errors are not among them: they belong to what they quote.
const TRACKED_ICMP: [u8; 8] = [0, 8, 13, 14, 15, 16, 17, 18];
const TRACKED_ICMPV6: [u8; 4] = [128, 129, 139, 140];

/// The protocol number of GRE.
const GRE: u8 = 47;

impl Identity {
    /// The packet's entry in conntrack, if nothing is translated. The end that comes first in the order of
    /// addresses and ports has opened it (`opened_forward`), or the other one.
    pub fn connection<P: Packet + ?Sized>(&self, packet: &P, opened_forward: bool) -> Entry {
        let Self { tuple, place, .. } = self;
        // Conntrack sees the whole datagram, put together of all fragments.
        if place.fragment {
            return Entry::Unknown(Reason::Connection);
        }
        let head: Option<[u8; 6]> = packet.read(place.transport);
        let protocol = Protocol(tuple.protocol);
        let (sport, dport) = match (protocol, head) {
            (Protocol::ICMP | Protocol::ICMPV6, Some([kind, _, _, _, high, low])) => {
                let is_tracked = match protocol {
                    Protocol::ICMP => TRACKED_ICMP.contains(&kind),
                    _ => TRACKED_ICMPV6.contains(&kind),
                };
                if !is_tracked {
                    return Entry::None;
                }
                let id = u16::from_be_bytes([high, low]);
                (id, id)
            }
            // Version 1, PPTP's, has a key that another connection agrees.
            (Protocol(GRE), Some([_, version, ..])) if version & 7 == 1 => {
                return Entry::Unknown(Reason::Connection)
            }
            (Protocol::ICMP | Protocol::ICMPV6 | Protocol(GRE), None) => {
                return Entry::Unknown(Reason::Connection)
            }
            (protocol, _) if protocol.has_ports() => {
                let [a, b, c, d] = tuple.ports.to_be_bytes();
                (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
            }
            _ => (0, 0),
        };
        let (src, dst) = (tuple.src.words(), tuple.dst.words());
        let connection = Connection {
            ends: match (tuple.family, src, dst) {
                (Family::Ipv4, [original, ..], [reply, ..]) => Ends::Ipv4 { original, reply },
                (Family::Ipv6, original, reply) => Ends::Ipv6 { original, reply },
            },
            protocol: tuple.protocol,
            original_port: sport.to_be(),
            reply_port: dport.to_be(),
        };
        // The tuple of a quoted packet has the direction opposite to its error's.
        let (source, destination) = ends(tuple);
        match (source <= destination) == opened_forward {
            true => Entry::Is(connection),
            false => Entry::Is(connection.reversed()),
        }
    }
}
