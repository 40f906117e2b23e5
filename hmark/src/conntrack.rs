// SPDX-License-Identifier: GPL-2.0-only

//! Conntrack: the tuple of a tracked flow instead of the packet's own.
//!
//! C header: `include/net/netfilter/nf_conntrack_tuple.h`

use super::ports::{self, protocol};
use super::tuple::{fold_ipv4, fold_ipv6, Tuple};
use super::Rule;

/// The two ends of a tracked flow: the sources of its original and of its reply direction.
///
/// With NAT these are the ends' own addresses, whatever a packet on its way carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// `NFPROTO_IPV4` (2) or `NFPROTO_IPV6` (10); anything else (a template) has no addresses.
    pub l3num: u16,
    /// Layer 4 protocol.
    pub protocol: u8,
    /// Source address of the original direction; network byte order, IPv4 in the first word.
    pub original_src: [u32; 4],
    /// Source address of the reply direction; network byte order, IPv4 in the first word.
    pub reply_src: [u32; 4],
    /// Source port (or ICMP id, GRE key …) of the original direction; network byte order.
    pub original_port: u16,
    /// Source port (or ICMP id, GRE key …) of the reply direction; network byte order.
    pub reply_port: u16,
}

/// The mark of a packet that belongs to a tracked connection.
#[inline(always)]
pub fn mark_connection(connection: &Connection, rule: &Rule) -> u32 {
    tuple(connection, rule).mark(rule)
}

#[inline(always)]
fn tuple(connection: &Connection, rule: &Rule) -> Tuple {
    let fold = |address: &[u32; 4], mask| match connection.l3num {
        2 => fold_ipv4(address[0], mask),
        10 => fold_ipv6(address, mask),
        _ => 0,
    };
    let mut tuple = Tuple {
        src: fold(&connection.original_src, &rule.src_mask),
        dst: fold(&connection.reply_src, &rule.dst_mask),
        ..Tuple::default()
    };
    if rule.layer3_only() {
        return tuple;
    }
    tuple.protocol = connection.protocol;
    // ICMP has an id in place of ports, which is not hashed; ICMPv6's is, as the C module does.
    if connection.protocol != protocol::ICMP {
        let [a, b] = connection.original_port.to_ne_bytes();
        let [c, d] = connection.reply_port.to_ne_bytes();
        tuple.ports = ports::sorted(u32::from_ne_bytes([a, b, c, d]), rule);
    }
    tuple
}
