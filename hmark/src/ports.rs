// SPDX-License-Identifier: GPL-2.0-only

//! Layer 4: the port pair, or the Security Parameter Index, that a rule masks and sets.

use super::{Packet, Rule};

/// Layer 4 protocols, as in `include/uapi/linux/in.h` and `in6.h`.
pub(super) mod protocol {
    pub(in super::super) const ICMP: u8 = 1;
    pub(in super::super) const TCP: u8 = 6;
    pub(in super::super) const UDP: u8 = 17;
    pub(in super::super) const DCCP: u8 = 33;
    pub(in super::super) const ESP: u8 = 50;
    pub(in super::super) const AH: u8 = 51;
    pub(in super::super) const ICMPV6: u8 = 58;
    pub(in super::super) const SCTP: u8 = 132;
    pub(in super::super) const UDPLITE: u8 = 136;
}

/// Where a protocol's header holds its ports or SPI; [`None`] if it has neither.
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

/// Masks, sets and sorts a port pair (source first) in network byte order.
///
/// The greater of the two is in the result's high half, so that it is the same for both
/// directions of a flow. An SPI is treated alike, as two halves.
#[inline(always)]
pub(super) fn sorted(ports: u32, rule: &Rule) -> u32 {
    let ports = u32::from_be((ports & rule.port_mask) | rule.port_set);
    let swapped = ports.rotate_left(16);
    ports.max(swapped)
}

/// Reads the ports or SPI of the layer 4 header at `offset`, masked, set and sorted.
///
/// 0 where the protocol has none: nothing is set then either. [`None`] where the packet ends before
/// those that it has.
#[inline(always)]
pub(super) fn read<P: Packet + ?Sized>(
    packet: &P,
    offset: u32,
    protocol: u8,
    rule: &Rule,
) -> Option<u32> {
    // Without mask and set the result is 0 whatever the packet holds: do not read it.
    if rule.port_mask | rule.port_set == 0 {
        return Some(0);
    }
    match offset_in_header(protocol) {
        Some(at) => {
            let ports = packet.read(offset.wrapping_add(at))?;
            Some(sorted(u32::from_ne_bytes(ports), rule))
        }
        None => Some(0),
    }
}
