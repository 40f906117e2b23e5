// SPDX-License-Identifier: GPL-2.0-only

//! Layer 4: the port pair, or the Security Parameter Index, that a rule masks and sets.

use super::super::rule::Selection;
use super::super::Packet;
use super::{protocol, Place};

/// The offset of a protocol's ports or SPI in its header; [`None`] if it has neither.
#[inline(always)]
fn offset_in_header(protocol: u8) -> Option<u32> {
    match protocol {
        protocol::TCP
        | protocol::UDP
        | protocol::DCCP
        | protocol::ESP
        | protocol::SCTP
        | protocol::UDPLITE => Some(0),
        protocol::AH => Some(4),
        _ => None,
    }
}

/// Masks and sets a port pair or an SPI, in network byte order.
///
/// The result is in host byte order: the source port in the upper half.
#[inline(always)]
pub(in super::super) fn select(ports: u32, selection: &Selection<'_>) -> u32 {
    u32::from_be((ports & *selection.port_mask) | *selection.port_set)
}

/// Reads the ports or SPI at a place, masked and set as by [`select`]; the two ports exchanged, if the
/// place is `reversed`.
///
/// 0 if the protocol has none or they may not be hashed; no bits are set then, either. [`None`] if
/// the protocol has them but the packet ends before.
#[inline(always)]
pub(in super::super) fn read<P: Packet + ?Sized>(
    packet: &P,
    place: &Place,
    selection: &Selection<'_>,
    reversed: bool,
) -> Option<u32> {
    if place.fragment {
        return Some(0);
    }
    let Some(offset) = offset_in_header(place.protocol) else {
        return Some(0);
    };
    let offset = place.transport.wrapping_add(offset);
    let ports = match packet.in_place(offset) {
        Some(ports) => *ports,
        // Without mask and set bits, the result is 0 whatever the packet holds: do not copy it.
        None if *selection.port_mask | *selection.port_set == 0 => return Some(0),
        None => packet.copy(offset)?,
    };
    let ports = u32::from_ne_bytes(ports);
    let is_spi = matches!(place.protocol, protocol::ESP | protocol::AH);
    Some(match reversed && !is_spi {
        true => select(ports.rotate_left(16), selection),
        false => select(ports, selection),
    })
}
