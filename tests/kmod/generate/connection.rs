// SPDX-License-Identifier: GPL-2.0-only

//! Conntrack entries that a packet may have.

use super::{address, layer4, port, protocol, Random};
use crate::Family;

/// The source of one direction of a connection, as in a conntrack tuple.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    /// In wire order; IPv4 has the first four bytes.
    pub(crate) address: [u8; 16],
    /// Port, ICMP id or the like; network byte order.
    pub(crate) port: u16,
    /// `NFPROTO_*`, or nonsense.
    pub(crate) l3num: u16,
    pub(crate) protocol: u8,
}

/// A packet's conntrack entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conntrack {
    /// The sources of the original and the reply direction; none where there is no entry.
    pub(crate) ends: Option<[End; 2]>,
    /// The packet's `enum ip_conntrack_info`: three bits. Seven is untracked.
    pub(crate) info: u8,
    /// Bits of `enum ip_conntrack_status`, of which one is for templates.
    pub(crate) status: u32,
}

impl Conntrack {
    /// No entry.
    pub(crate) const NONE: Self = Self {
        ends: None,
        info: 0,
        status: 0,
    };
}

/// An entry for a packet of the family, or none.
pub(crate) fn connection(family: Family, random: &mut Random) -> Conntrack {
    match random.below(8) {
        0..3 => Conntrack::NONE,
        3 => Conntrack {
            info: 7,
            ..Conntrack::NONE
        },
        4 => Conntrack {
            ends: Some([End::EMPTY; 2]),
            info: 0,
            // IPS_TEMPLATE and IPS_CONFIRMED
            status: (1 << 11) | (1 << 3),
        },
        _ => {
            let l3num = match (random.below(10), family) {
                (0, _) => random.pick(&[0, 1, 3, 5, 7, 12, 0x0200, 0x0a00, 0x0102]),
                (1, Family::Ipv4) | (2.., Family::Ipv6) => 10,
                (1, Family::Ipv6) | (2.., Family::Ipv4) => 2,
            };
            let protocol = match random.below(4) {
                0 => random.pick(&[protocol::ICMP, protocol::ICMPV6]),
                _ => layer4::protocol(random),
            };
            let mut original = End::random(l3num, protocol, random);
            let mut reply = End::random(l3num, protocol, random);
            if random.percent(5) {
                // Both directions of a real connection agree in these.
                reply.l3num = random.u16();
                reply.protocol = random.u8();
            }
            if random.percent(5) {
                original.address = reply.address;
                original.port = reply.port;
            }
            Conntrack {
                ends: Some([original, reply]),
                info: random.below(8) as u8,
                status: random.u32(),
            }
        }
    }
}

impl End {
    const EMPTY: Self = Self {
        address: [0; 16],
        port: 0,
        l3num: 0,
        protocol: 0,
    };

    fn random(l3num: u16, protocol: u8, random: &mut Random) -> Self {
        let mut whole: [u8; 16] = address(random);
        if l3num == 2 && random.percent(80) {
            whole[4..].fill(0);
        }
        Self {
            address: whole,
            port: port(random).to_be(),
            l3num,
            protocol,
        }
    }
}
