// SPDX-License-Identifier: GPL-2.0-only

//! The flow that a packet belongs to, in whichever direction, as the walk of [`hmark`] finds it.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::IpAddr;

use hmark::rule::v1::{flag, Info};
use hmark::{explain, Address, Connection, Ends, Family, Found, Packet, Place, Subject, Tuple};

use super::answer::Reason;
use super::tracked::{self, Layer4Header};
use crate::flow::{Flow, Layer4, Protocol};

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
    /// The place of the packet's own headers, or of those that it quotes, whatever is inside.
    outer: Place,
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
        Some(Identity {
            flow: self.of_tuple(&tuple),
            // What is quoted came from the other end.
            is_forward: is_sorted != place.quoted,
            is_fragment: place.fragment,
            tuple,
            place,
            outer,
        })
    }

    /// The number of an ICMP query and its reply, which has their identifier. Those between two addresses are
    /// one flow for HMARK, but each a connection for conntrack.
    pub fn of_query(&self, flow: u64, query: Query) -> u64 {
        self.hasher.hash_one((flow, query))
    }

    /// The number of the tuple that a rule has hashed of a flow: mostly the flow's own.
    pub fn of_hashed(&self, tuple: &Tuple, identity: &Identity) -> u64 {
        match *tuple == identity.tuple {
            true => identity.flow,
            false => self.of_tuple(tuple),
        }
    }

    /// The number of the flow that fragments of a packet like this one belong to.
    pub fn of_fragments(&self, identity: &Identity) -> u64 {
        let mut tuple = identity.tuple;
        tuple.ports = 0;
        self.of_tuple(&tuple)
    }

    /// The number of a tuple: without a direction, since a rule's hash has none.
    pub fn of_tuple(&self, tuple: &Tuple) -> u64 {
        let (source, destination) = ends(tuple);
        let (first, second) = match source <= destination {
            true => (source, destination),
            false => (destination, source),
        };
        let ports = match Protocol(tuple.protocol).has_spi() {
            true => first.1,
            false => (first.1 << 16) | second.1,
        };
        let layer4 = u128::from(ports) | (u128::from(tuple.protocol) << 32);
        // Few large numbers are hashed faster than many small ones.
        let mut hasher = self.hasher.build_hasher();
        match tuple.family {
            // IPv4's addresses are the first word of four.
            Family::Ipv4 => hasher.write_u128(first.0 | (second.0 >> 32) | layer4),
            Family::Ipv6 => {
                hasher.write_u128(first.0);
                hasher.write_u128(second.0);
                hasher.write_u128(layer4);
            }
        }
        hasher.finish()
    }
}

/// Address and port of both ends, in any order that is always the same. An SPI is the port of both.
fn ends(tuple: &Tuple) -> ((u128, u32), (u128, u32)) {
    let (sport, dport) = match Protocol(tuple.protocol).has_spi() {
        true => (tuple.ports, tuple.ports),
        false => (tuple.ports >> 16, tuple.ports & 0xffff),
    };
    let number = |address: Address| {
        let words = address.words().into_iter();
        words.fold(0, |number: u128, word| (number << 32) | u128::from(word))
    };
    ((number(tuple.src), sport), (number(tuple.dst), dport))
}

/// The entry of a packet in conntrack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The entry.
    Is {
        /// Its ends, if nothing is translated.
        connection: Connection,
        /// Whether only the end that opened it has sent packets so far.
        is_new: bool,
    },
    /// There is none: conntrack leaves such packets alone.
    None,
    /// There is none: the packet is invalid for conntrack.
    Invalid,
    /// The packet does not tell, for this reason.
    Unknown(Reason),
}

/// An ICMP query, or a reply to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    /// Whether the end that comes first in the order of addresses asks.
    pub asks_forward: bool,
    /// The type of the query, its code and its identifier.
    head: (u8, u8, u16),
}

impl Identity {
    /// Whether the packet is an ICMP error, which belongs to the flow of the packet that it quotes.
    pub fn is_quoted(&self) -> bool {
        self.outer.quoted
    }

    /// Whether the flow is that of a packet inside of a tunnel.
    pub fn is_inner(&self) -> bool {
        self.place != self.outer
    }

    /// Whether the packet is a fragment other than the first. Of IPv6, that is told of packets alone that
    /// have no extension header before the fragment's.
    pub fn is_later_fragment<P: Packet + ?Sized>(&self, packet: &P) -> bool {
        if !self.outer.fragment || self.outer.quoted {
            return false;
        }
        let offset = match self.outer.family {
            Family::Ipv4 => packet
                .read(6)
                .map(|bytes| u16::from_be_bytes(bytes) & 0x1fff),
            Family::Ipv6 => packet
                .read(42)
                .map(|bytes| u16::from_be_bytes(bytes) & 0xfff8),
        };
        offset.is_some_and(|offset| offset != 0)
    }

    /// The flow of the packet's own headers, as matches of iptables see them: that of an ICMP error is not
    /// the one that it quotes.
    ///
    /// [`None`] if they are not complete.
    pub fn flow<P: Packet + ?Sized>(&self, packet: &P) -> Option<Flow> {
        let Self { outer, .. } = self;
        let (source, destination): (IpAddr, IpAddr) = match outer.family {
            Family::Ipv4 => {
                let [source, destination]: [[u8; 4]; 2] = [packet.read(12)?, packet.read(16)?];
                (source.into(), destination.into())
            }
            Family::Ipv6 => {
                let [source, destination]: [[u8; 16]; 2] = [packet.read(8)?, packet.read(24)?];
                (source.into(), destination.into())
            }
        };
        let protocol = match outer.quoted {
            true => Protocol::icmp(outer.family),
            false => Protocol(outer.protocol),
        };
        // The quoted packet follows the eight bytes of the error.
        let at = match outer.quoted {
            true => outer.network.checked_sub(8)?,
            false => outer.transport,
        };
        let layer4 = match protocol {
            _ if self.is_later_fragment(packet) => Layer4::None,
            protocol if protocol.has_ports() => {
                let [source, destination] = [packet.read(at)?, packet.read(at.checked_add(2)?)?];
                Layer4::Ports {
                    source: u16::from_be_bytes(source),
                    destination: u16::from_be_bytes(destination),
                }
            }
            Protocol::ESP => Layer4::Spi(u32::from_be_bytes(packet.read(at)?)),
            Protocol::AH => Layer4::Spi(u32::from_be_bytes(packet.read(at.checked_add(4)?)?)),
            protocol if protocol.is_icmp() => {
                let [kind, code] = packet.read(at)?;
                let id = u16::from_be_bytes(packet.read(at.checked_add(4)?)?);
                Layer4::Icmp { kind, code, id }
            }
            _ => Layer4::None,
        };
        Flow::new(protocol, source, destination, layer4)
    }

    /// The header of layer 4.
    pub(super) fn layer4(&self) -> Layer4Header {
        Layer4Header {
            family: self.tuple.family,
            protocol: Protocol(self.tuple.protocol),
            at: self.place.transport,
            is_quoted: self.place.quoted,
        }
    }

    /// Whether HMARK finds the packet's flow inside a tunnel, which conntrack does not look into.
    pub(super) fn is_inside(&self) -> bool {
        self.place != self.outer
    }

    /// Whether an ICMP error goes to the sender of the packet that it quotes. Another one is invalid for
    /// conntrack: `nf_conntrack_inet_error()`.
    pub(super) fn is_addressed_to_sender<P: Packet + ?Sized>(&self, packet: &P) -> bool {
        let of = |at: u32| match self.outer.family {
            Family::Ipv4 => packet.read::<4>(at).map(IpAddr::from),
            Family::Ipv6 => packet.read::<16>(at).map(IpAddr::from),
        };
        let (destination, sender) = match self.outer.family {
            Family::Ipv4 => (16, 12),
            Family::Ipv6 => (24, 8),
        };
        of(destination) == of(self.outer.network.saturating_add(sender))
    }

    /// The packet's query, if it is one of ICMP, a reply, or an error about either.
    pub(super) fn query<P: Packet + ?Sized>(&self, packet: &P) -> Option<(Query, bool)> {
        let Self { tuple, place, .. } = self;
        let protocol = Protocol(tuple.protocol);
        if !protocol.is_icmp() || place.fragment {
            return None;
        }
        let [kind, code, _, _, id @ ..] = packet.read::<6>(place.transport)?;
        let (source, destination) = ends(tuple);
        let is_query = tracked::opens(self.layer4(), packet);
        let kind = match is_query {
            true => kind,
            false => tracked::query_of(protocol, kind)?,
        };
        let query = Query {
            asks_forward: (source <= destination) == is_query,
            head: (kind, code, u16::from_be_bytes(id)),
        };
        Some((query, is_query))
    }

    /// The packet's connection, if nothing is translated. The end that comes first in the order of
    /// addresses and ports has opened it (`opened_forward`), or the other one.
    pub fn connection<P: Packet + ?Sized>(&self, packet: &P, opened_forward: bool) -> Connection {
        let Self { tuple, place, .. } = self;
        let protocol = Protocol(tuple.protocol);
        let (sport, dport) = match packet.read(place.transport.saturating_add(4)) {
            Some(id) if protocol.is_icmp() => (u16::from_be_bytes(id), u16::from_be_bytes(id)),
            _ if protocol.has_ports() => {
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
            true => connection,
            false => connection.reversed(),
        }
    }
}
