// SPDX-License-Identifier: GPL-2.0-only

//! The packets that the C module of older kernels marks otherwise: `ipv6_find_hdr()` follows any
//! number of extension headers there, and one that claims more bytes than the packet has.

use testbed::family::Family;

/// The most extension headers that newer kernels, and our module, follow.
const MOST: usize = 12;

/// Whether the C module of an older kernel may mark this packet in another way, or that which it quotes.
pub fn is_known_difference(family: Family, packet: &[u8]) -> bool {
    family == Family::Ipv6 && chain(packet)
}

/// Whether the extension headers of an IPv6 packet are too many, or one of them is cut off.
fn chain(packet: &[u8]) -> bool {
    let mut next = packet.get(6).copied().unwrap_or(59);
    let mut rest = packet.get(40..).unwrap_or_default();
    for _ in 0..=MOST {
        let length = match next {
            // Hop-by-hop options, routing, and destination options.
            0 | 43 | 60 => rest.get(1).map(|&length| 8 * (usize::from(length) + 1)),
            // The authentication header counts words.
            51 => rest.get(1).map(|&length| 4 * (usize::from(length) + 2)),
            44 => Some(8),
            // An ICMPv6 error quotes a packet.
            58 => {
                return rest.first().is_some_and(|&kind| kind < 128)
                    && chain(rest.get(8..).unwrap_or_default())
            }
            _ => return false,
        };
        let Some(following) = length.and_then(|length| rest.get(length..)) else {
            return true;
        };
        next = rest[0];
        rest = following;
    }
    true
}
