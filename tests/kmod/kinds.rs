// SPDX-License-Identifier: GPL-2.0-only

//! The kinds of packets to measure, each with its rule.

use crate::generate::protocol::{AH, DESTINATION, FRAGMENT, HOP_BY_HOP, ICMP, ICMPV6, TCP, UDP};
use crate::generate::{Bytes, Conntrack, End, Layout};
use crate::rule::v0::{flag, Info, DEFAULT_RND};
use crate::Family;

/// The bytes after the headers of every packet.
const PAYLOAD: [u8; 64] = [0; 64];

/// A kind of packet and rule.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// Without blanks.
    pub(crate) name: &'static str,
    pub(crate) family: Family,
    packet: Packet,
    /// Whether only the first header is in the linear part.
    paged: bool,
    /// The parts that the rule hashes.
    what: What,
    /// Buckets of the rule.
    modulus: u32,
}

/// The headers of a packet.
#[derive(Clone, Copy)]
enum Packet {
    /// This protocol after the first header.
    Plain(u8),
    /// UDP after IPv4 options.
    Options,
    /// A later fragment, of UDP.
    Fragment,
    /// An ICMP or ICMPv6 error that quotes a packet of UDP.
    Error,
    /// UDP after IPv6 hop-by-hop and destination options.
    HopByHop,
    /// TCP after an IPv6 Authentication Header.
    Authenticated,
    /// UDP after this number of IPv6 destination options headers.
    Extensions(u8),
}

/// The parts that a rule hashes.
#[derive(Clone, Copy)]
enum What {
    /// Addresses, ports and protocol of the packet.
    Tuple,
    /// Its addresses.
    Addresses,
    /// Its conntrack tuple.
    Conntrack,
}

/// All kinds.
pub(crate) const KINDS: [Kind; 32] = {
    use Packet::*;
    [
        ipv4("ipv4-udp", Plain(UDP)),
        ipv4("ipv4-tcp", Plain(TCP)),
        ipv6("ipv6-udp", Plain(UDP)),
        ipv6("ipv6-tcp", Plain(TCP)),
        ipv4("ipv4-l3", Plain(UDP)).of(What::Addresses),
        ipv6("ipv6-l3", Plain(UDP)).of(What::Addresses),
        ipv4("ipv4-options", Options),
        ipv4("ipv4-error", Error),
        ipv4("ipv4-fragment", Fragment),
        ipv6("ipv6-options", HopByHop),
        ipv6("ipv6-ah", Authenticated),
        ipv6("ipv6-error", Error),
        ipv6("ipv6-fragment", Fragment),
        ipv4("ipv4-ct", Plain(UDP)).of(What::Conntrack),
        ipv6("ipv6-ct", Plain(UDP)).of(What::Conntrack),
        ipv4("ipv4-paged", Plain(UDP)).paged(),
        ipv6("ipv6-paged", Plain(UDP)).paged(),
        ipv4("buckets-1", Plain(UDP)).buckets(1),
        ipv4("buckets-2", Plain(UDP)).buckets(2),
        ipv4("buckets-70", Plain(UDP)).buckets(70),
        ipv4("buckets-1000", Plain(UDP)).buckets(1000),
        ipv4("buckets-65536", Plain(UDP)).buckets(1 << 16),
        ipv4("buckets-4294967295", Plain(UDP)).buckets(u32::MAX),
        ipv6("extensions-0", Extensions(0)),
        ipv6("extensions-1", Extensions(1)),
        ipv6("extensions-2", Extensions(2)),
        ipv6("extensions-3", Extensions(3)),
        ipv6("extensions-4", Extensions(4)),
        ipv6("extensions-5", Extensions(5)),
        ipv6("extensions-6", Extensions(6)),
        ipv6("extensions-7", Extensions(7)),
        ipv6("extensions-8", Extensions(8)),
    ]
};

const fn ipv4(name: &'static str, packet: Packet) -> Kind {
    Kind {
        name,
        family: Family::Ipv4,
        packet,
        paged: false,
        what: What::Tuple,
        modulus: 4,
    }
}

const fn ipv6(name: &'static str, packet: Packet) -> Kind {
    Kind {
        family: Family::Ipv6,
        ..ipv4(name, packet)
    }
}

impl Kind {
    const fn of(self, what: What) -> Self {
        Self { what, ..self }
    }

    const fn paged(self) -> Self {
        Self {
            paged: true,
            ..self
        }
    }

    const fn buckets(self, modulus: u32) -> Self {
        Self { modulus, ..self }
    }

    /// Whether some of the packet is outside the linear part.
    pub(crate) fn is_paged(&self) -> bool {
        self.paged
    }

    /// The rule, as iptables makes it.
    pub(crate) fn rule(&self) -> Info {
        let addresses = Info {
            src_mask: [u32::MAX; 4],
            dst_mask: [u32::MAX; 4],
            flags: flag::SADDR_MASK | flag::DADDR_MASK | flag::RND | flag::MODULUS | flag::OFFSET,
            hashrnd: DEFAULT_RND,
            hmodulus: self.modulus,
            hoffset: 100,
            ..Info::default()
        };
        let tuple = Info {
            port_mask: u32::MAX,
            proto_mask: u16::MAX,
            flags: addresses.flags | flag::SPORT_MASK | flag::DPORT_MASK | flag::PROTO_MASK,
            ..addresses
        };
        match self.what {
            What::Tuple => tuple,
            What::Addresses => Info {
                flags: addresses.flags | flag::METHOD_L3,
                ..addresses
            },
            What::Conntrack => Info {
                flags: tuple.flags | flag::CT,
                ..tuple
            },
        }
    }

    /// A packet of the flow of this number.
    pub(crate) fn packet(&self, flow: u8, bytes: &mut Bytes) {
        bytes.clear();
        match self.packet {
            Packet::Plain(protocol) => {
                self.first_header(protocol, flow, bytes);
                layer4(flow, bytes);
            }
            Packet::Options => {
                self.first_header(UDP, flow, bytes);
                bytes.put(0, &[0x48]);
                // Eleven no-operation options and the end of the list.
                bytes.push(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]);
                layer4(flow, bytes);
            }
            Packet::Fragment => match self.family {
                Family::Ipv4 => {
                    self.first_header(UDP, flow, bytes);
                    bytes.put(6, &185_u16.to_be_bytes());
                }
                Family::Ipv6 => {
                    self.first_header(FRAGMENT, flow, bytes);
                    bytes.push(&[UDP, 0]);
                    bytes.push(&(181_u16 << 3).to_be_bytes());
                    bytes.push(&[0, 0, 0, flow]);
                }
            },
            Packet::Error => {
                match self.family {
                    Family::Ipv4 => {
                        self.first_header(ICMP, flow, bytes);
                        // Destination unreachable, fragmentation needed.
                        bytes.push(&[3, 4, 0, 0, 0, 0, 0x05, 0x14]);
                    }
                    Family::Ipv6 => {
                        self.first_header(ICMPV6, flow, bytes);
                        // Packet too big.
                        bytes.push(&[2, 0, 0, 0, 0, 0, 0x05, 0x14]);
                    }
                }
                self.first_header(UDP, flow, bytes);
                layer4(flow, bytes);
            }
            Packet::HopByHop => {
                self.first_header(HOP_BY_HOP, flow, bytes);
                extension(DESTINATION, bytes);
                extension(UDP, bytes);
                layer4(flow, bytes);
            }
            Packet::Authenticated => {
                self.first_header(AH, flow, bytes);
                // 24 bytes, of which 12 are the integrity check value.
                bytes.push(&[TCP, 4, 0, 0, 0, 0, 1, flow]);
                bytes.push(&[0; 16]);
                layer4(flow, bytes);
            }
            Packet::Extensions(number) => {
                let next = |left| if left > 0 { DESTINATION } else { UDP };
                self.first_header(next(number), flow, bytes);
                for left in (0..number).rev() {
                    extension(next(left), bytes);
                }
                layer4(flow, bytes);
            }
        }
        bytes.push(&PAYLOAD);
    }

    /// The layout of a packet of this length in its sk_buff.
    pub(crate) fn layout(&self, len: usize) -> Layout {
        match self.is_paged() {
            true => Layout::paged(len, self.family.header_len()),
            false => Layout::linear(len),
        }
    }

    /// The conntrack entry of the packet's flow.
    pub(crate) fn connection(&self, flow: u8) -> Conntrack {
        let ends = match self.what {
            What::Conntrack => {
                let [source, destination] = self.addresses(flow);
                let [source_port, destination_port] = ports(flow);
                Some([
                    self.end(source, source_port),
                    self.end(destination, destination_port),
                ])
            }
            _ => None,
        };
        Conntrack {
            ends,
            info: 0,
            status: 0,
        }
    }

    fn end(&self, address: [u8; 16], port: u16) -> End {
        End {
            address,
            port: port.to_be(),
            l3num: match self.family {
                Family::Ipv4 => 2,
                Family::Ipv6 => 10,
            },
            protocol: UDP,
        }
    }

    /// An IPv4 or IPv6 header without options.
    fn first_header(&self, protocol: u8, flow: u8, bytes: &mut Bytes) {
        let [source, destination] = self.addresses(flow);
        match self.family {
            Family::Ipv4 => {
                bytes.push(&[0x45, 0, 0, 128, 0, 0, 0, 0, 64, protocol, 0, 0]);
                bytes.push(&source[..4]);
                bytes.push(&destination[..4]);
            }
            Family::Ipv6 => {
                bytes.push(&[0x60, 0, 0, 0, 0, 128, protocol, 64]);
                bytes.push(&source);
                bytes.push(&destination);
            }
        }
    }

    /// Source and destination; IPv4 has the first four bytes.
    fn addresses(&self, flow: u8) -> [[u8; 16]; 2] {
        let mut addresses = [[0; 16]; 2];
        for (address, host) in addresses.iter_mut().zip([1, 2]) {
            match self.family {
                Family::Ipv4 => address[..4].copy_from_slice(&[10, host, flow, 9]),
                Family::Ipv6 => {
                    address[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
                    address[13..].copy_from_slice(&[host, flow, 9]);
                }
            }
        }
        addresses
    }
}

/// Source and destination port.
fn ports(flow: u8) -> [u16; 2] {
    [0x8000 | u16::from(flow), 443]
}

/// The first bytes of a TCP or UDP header.
fn layer4(flow: u8, bytes: &mut Bytes) {
    for port in ports(flow) {
        bytes.push(&port.to_be_bytes());
    }
    bytes.push(&[0; 16]);
}

/// An IPv6 extension header of 8 bytes that holds only padding.
fn extension(next: u8, bytes: &mut Bytes) {
    bytes.push(&[next, 0, 1, 4, 0, 0, 0, 0]);
}
