// SPDX-License-Identifier: GPL-2.0-only

//! Packets of which too little was captured: rules that hash addresses alone read ports that they do not need,
//! so that zeros may take their place.

use hmark::rule::v0;
use hmark::rule::v1::{flag, Info};
use hmark::{explain, Family, Found, Packet, Place, Subject};

use super::Judge;
use crate::capture::IpPacket;
use crate::flow::Protocol;

/// The parts of packets that a judge's answers depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs {
    /// HMARK rules hash nothing but addresses and protocol of the outermost headers.
    pub addresses_alone: bool,
    /// Rules ask for the packet's connection.
    pub connections: bool,
}

/// The parts that a judge needs.
pub(super) fn needs<J: Judge>(judge: &J) -> Needs {
    let hashes_addresses = |rule: &Option<Info>| {
        rule.is_some_and(|rule| {
            rule.masked.v0.port_mask == 0 && !rule.has(v0::flag::CT | flag::INNER)
        })
    };
    Needs {
        addresses_alone: judge.rules().iter().all(hashes_addresses),
        connections: judge.asks_for_connections(),
    }
}

/// The place of the headers, by those of the network alone.
///
/// [`None`] if the packet is an ICMP error, or those headers were not captured either.
fn outermost<P: Packet>(family: Family, packet: &P) -> Option<Place> {
    let mut rule = Info::default();
    let masked = &mut rule.masked.v0;
    (masked.src_mask, masked.dst_mask) = ([u32::MAX; 4], [u32::MAX; 4]);
    (masked.flags, masked.hmodulus) = (v0::flag::METHOD_L3, 1);
    match explain(family, packet, &rule).subject {
        Subject::Packet(Found::At(place)) if !place.quoted => Some(place),
        _ => None,
    }
}

/// The bytes of a captured packet with zeros for ports that it has, but that were not captured.
///
/// [`None`] if anything else is lacking.
pub(super) fn with_some_ports(packet: &IpPacket<'_>) -> Option<Vec<u8>> {
    let place = outermost(packet.family, &packet.raw())?;
    let protocol = Protocol(place.protocol);
    // An SPI is in the first eight bytes, too.
    let end = place.transport.checked_add(8)?;
    let is_lacking = (protocol.has_ports() || protocol.has_spi()) && end <= packet.len;
    let start = usize::try_from(place.transport).ok()?;
    let mut bytes = packet.bytes.get(..start).filter(|_| is_lacking)?.to_vec();
    bytes.resize(usize::try_from(end).ok()?, 0);
    Some(bytes)
}
