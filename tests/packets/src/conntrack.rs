// SPDX-License-Identifier: GPL-2.0-only

//! Conntrack entries that a packet may have.

use core::net::{IpAddr, SocketAddr};

use super::generate::{address, layer4, port};
use super::hmark::Family;
#[cfg(not(MODULE))]
use super::hmark::{Connection, Ends};
use super::{protocol, Flow, Random};

/// The source of one direction of a connection, as in a conntrack tuple.
#[derive(Clone, Copy, Debug, Default)]
pub struct End {
    /// Words in network byte order; IPv4 has the first.
    pub address: [u32; 4],
    /// Port, ICMP id or the like; network byte order.
    pub port: u16,
    /// `NFPROTO_*`, or nonsense.
    pub l3num: u16,
    /// The protocol of layer 4.
    pub protocol: u8,
}

/// A packet's conntrack entry: by default none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conntrack {
    /// The sources of the original and the reply direction; none where there is no entry.
    pub ends: Option<[End; 2]>,
    /// The packet's `enum ip_conntrack_info`: three bits. Seven is untracked.
    pub info: u8,
    /// Bits of `enum ip_conntrack_status`, of which one is for templates.
    pub status: u32,
}

impl Conntrack {
    /// The entry of a flow to which the destination itself replies.
    pub fn of(flow: Flow) -> Self {
        Self {
            ends: Some([flow.source, flow.destination].map(|end| End::of(end, flow.protocol))),
            ..Self::default()
        }
    }

    /// What HMARK takes from the entry, if there is one.
    #[cfg(not(MODULE))]
    pub fn connection(&self) -> Option<Connection> {
        let [original, reply] = self.ends?;
        Some(Connection {
            ends: Ends::new(original.l3num, original.address, reply.address),
            protocol: original.protocol,
            original_port: original.port,
            reply_port: reply.port,
        })
    }

    /// An entry for a packet of the family, or none.
    pub fn random(family: Family, random: &mut Random) -> Self {
        match random.below(8) {
            0..3 => Self::default(),
            3 => Self {
                info: 7,
                ..Self::default()
            },
            4 => Self {
                ends: Some([End::default(); 2]),
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
                Self {
                    ends: Some([original, reply]),
                    info: random.below(8) as u8,
                    status: random.u32(),
                }
            }
        }
    }
}

impl End {
    fn of(end: SocketAddr, protocol: u8) -> Self {
        let (l3num, address) = match end.ip() {
            IpAddr::V4(address) => (2, u128::from(u32::from(address)) << 96),
            IpAddr::V6(address) => (10, u128::from(address)),
        };
        Self {
            address: words(address),
            port: end.port().to_be(),
            l3num,
            protocol,
        }
    }

    fn random(l3num: u16, protocol: u8, random: &mut Random) -> Self {
        let mut whole: [u8; 16] = address(random);
        if l3num == 2 && random.percent(80) {
            whole[4..].fill(0);
        }
        Self {
            address: words(u128::from_be_bytes(whole)),
            port: port(random).to_be(),
            l3num,
            protocol,
        }
    }
}

/// As four words in network byte order.
pub(super) fn words(address: u128) -> [u32; 4] {
    [96, 64, 32, 0].map(|shift| ((address >> shift) as u32).to_be())
}
