// SPDX-License-Identifier: GPL-2.0-only

//! Builds the packets that the tests hash.
#![allow(dead_code)] // each test file uses its part

use hmark::Connection;

/// The addresses of a flow, source first.
#[derive(Clone, Copy, Debug)]
pub enum Ends {
    V4 { src: [u8; 4], dst: [u8; 4] },
    V6 { src: [u8; 16], dst: [u8; 16] },
}

/// One direction of a flow.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    pub ends: Ends,
    pub protocol: u8,
    pub sport: u16,
    pub dport: u16,
}

impl Flow {
    /// Whether layer 4 directly follows the IP header, and is not ICMP, which has no ports.
    pub fn has_layer4(&self) -> bool {
        match (self.ends, self.protocol) {
            // AH has its SPI where this builder puts the same bytes in both directions.
            (_, 51) => false,
            (Ends::V4 { .. }, protocol) => protocol != 1,
            (Ends::V6 { .. }, protocol) => !matches!(protocol, 0 | 43 | 44 | 58 | 59 | 60),
        }
    }

    /// Whether the protocol has a port pair at the start of its header.
    pub fn has_ports(&self) -> bool {
        matches!(self.protocol, 6 | 17 | 33 | 132 | 136)
    }

    pub fn reversed(&self) -> Self {
        let ends = match self.ends {
            Ends::V4 { src, dst } => Ends::V4 { src: dst, dst: src },
            Ends::V6 { src, dst } => Ends::V6 { src: dst, dst: src },
        };
        Self {
            ends,
            protocol: self.protocol,
            sport: self.dport,
            dport: self.sport,
        }
    }

    /// A packet with ports and 8 more bytes of layer 4.
    pub fn packet(&self) -> Vec<u8> {
        let [a, b] = self.sport.to_be_bytes();
        let [c, d] = self.dport.to_be_bytes();
        let layer4 = [a, b, c, d, 0, 12, 0, 0, 1, 2, 3, 4];
        self.ends.packet(self.protocol, &layer4)
    }

    /// An ICMP or ICMPv6 error from a router about this flow's packet.
    pub fn icmp_error(&self) -> Vec<u8> {
        match self.ends {
            Ends::V4 { src, .. } => {
                let message = [&[3, 4, 0, 0, 0, 0, 5, 0], &self.packet()[..]].concat();
                Ends::V4 {
                    src: [198, 51, 100, 1],
                    dst: src,
                }
                .packet(1, &message)
            }
            Ends::V6 { src, .. } => {
                let message = [&[2, 0, 0, 0, 0, 0, 5, 0], &self.packet()[..]].concat();
                Ends::V6 {
                    src: [0xfd; 16],
                    dst: src,
                }
                .packet(58, &message)
            }
        }
    }

    /// The flow's connection as conntrack would have it without NAT.
    pub fn connection(&self) -> Connection {
        let ends = match self.ends {
            Ends::V4 { src, dst } => hmark::Ends::Ipv4 {
                original: u32::from_ne_bytes(src),
                reply: u32::from_ne_bytes(dst),
            },
            Ends::V6 { src, dst } => hmark::Ends::Ipv6 {
                original: words(src),
                reply: words(dst),
            },
        };
        Connection {
            ends,
            protocol: self.protocol,
            original_port: self.sport.to_be(),
            reply_port: self.dport.to_be(),
        }
    }
}

impl Ends {
    /// An IP packet with this payload.
    pub fn packet(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        match self {
            Self::V4 { src, dst } => ipv4(*src, *dst, protocol, payload),
            Self::V6 { src, dst } => ipv6(*src, *dst, protocol, payload),
        }
    }
}

/// An IPv4 packet without options; the checksum, which is not hashed, is left out.
pub fn ipv4(src: [u8; 4], dst: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (20 + payload.len() as u16).to_be_bytes();
    let header = [0x45, 0, high, low, 0, 1, 0, 0, 64, protocol, 0, 0];
    [&header[..], &src, &dst, payload].concat()
}

/// An IPv6 packet.
pub fn ipv6(src: [u8; 16], dst: [u8; 16], next: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (payload.len() as u16).to_be_bytes();
    let header = [0x60, 0, 0, 0, high, low, next, 64];
    [&header[..], &src, &dst, payload].concat()
}

/// An address as the kernel keeps it: four words in network byte order.
fn words(address: [u8; 16]) -> [u32; 4] {
    core::array::from_fn(|n| {
        u32::from_ne_bytes([
            address[4 * n],
            address[4 * n + 1],
            address[4 * n + 2],
            address[4 * n + 3],
        ])
    })
}
