// SPDX-License-Identifier: GPL-2.0-only

//! The kinds of packets to measure, each with its rule.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::hmark::rule::v0::{flag, Info, DEFAULT_RND};
use super::hmark::rule::{inner, v1};
use super::hmark::Family;
use super::protocol::{AH, DESTINATION, HOP_BY_HOP, TCP, UDP};
use super::{Bytes, Conntrack, Flow, Layout};

/// The bytes after the headers of every packet.
const PAYLOAD: [u8; 64] = [0; 64];

/// UDP port of GTP-U.
const GTPU_PORT: u16 = 2152;

/// A kind of packet and rule.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Without blanks.
    pub name: &'static str,
    /// Whose packets these are.
    pub family: Family,
    packet: Packet,
    /// Whether only the first header is in the linear part.
    paged: bool,
    /// The parts that the rule hashes.
    what: What,
    /// Buckets of the rule.
    modulus: u32,
    /// The options of revision 1, if the rule is one.
    new: Option<fn(&mut v1::Info)>,
    /// Number of flows that packets are of in turn.
    flows: u16,
}

/// The headers of a packet.
#[derive(Clone, Copy)]
enum Packet {
    /// This protocol after the first header.
    Plain(u8),
    /// UDP after this number of words of IPv4 options.
    Options(u8),
    /// UDP after these IPv6 extension headers.
    Extensions(&'static [u8]),
    /// A later fragment, of UDP.
    Fragment,
    /// An ICMP or ICMPv6 error that quotes a packet of UDP.
    Error,
    /// GTP-U with a packet of UDP inside.
    Gtpu,
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
pub const KINDS: [Kind; 43] = {
    use Packet::*;
    [
        ipv4("ipv4-udp", Plain(UDP)),
        ipv4("ipv4-tcp", Plain(TCP)),
        ipv6("ipv6-udp", Plain(UDP)),
        ipv6("ipv6-tcp", Plain(TCP)),
        ipv4("ipv4-l3", Plain(UDP)).of(What::Addresses),
        ipv6("ipv6-l3", Plain(UDP)).of(What::Addresses),
        ipv4("ipv4-options", Options(3)),
        ipv4("ipv4-error", Error),
        ipv4("ipv4-fragment", Fragment),
        ipv6("ipv6-options", Extensions(&[HOP_BY_HOP, DESTINATION])),
        ipv6("ipv6-ah", Plain(AH)),
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
        ipv6("extensions-0", Extensions(&[DESTINATION; 0])),
        ipv6("extensions-1", Extensions(&[DESTINATION; 1])),
        ipv6("extensions-2", Extensions(&[DESTINATION; 2])),
        ipv6("extensions-3", Extensions(&[DESTINATION; 3])),
        ipv6("extensions-4", Extensions(&[DESTINATION; 4])),
        ipv6("extensions-5", Extensions(&[DESTINATION; 5])),
        ipv6("extensions-6", Extensions(&[DESTINATION; 6])),
        ipv6("extensions-7", Extensions(&[DESTINATION; 7])),
        ipv6("extensions-8", Extensions(&[DESTINATION; 8])),
        ipv4("v1-ipv4-udp", Plain(UDP)).with(|_| ()),
        ipv6("v1-ipv6-udp", Plain(UDP)).with(|_| ()),
        ipv4("v1-mask", Plain(UDP)).buckets(64).with(mask),
        ipv6("v1-mask-ipv6", Plain(UDP)).buckets(64).with(mask),
        ipv4("v1-one-out", Plain(UDP))
            .buckets(70)
            .with(one_out)
            .many(),
        ipv4("v1-grown", Plain(UDP)).buckets(71).with(grown).many(),
        ipv4("v1-key-ipv4", Plain(UDP)).with(key),
        ipv6("v1-key-ipv6", Plain(UDP)).with(key),
        ipv4("v1-gtpu", Gtpu).with(gtpu),
        ipv6("v1-gtpu-ipv6", Gtpu).with(gtpu),
        ipv4("v1-no-tunnel", Plain(UDP)).with(gtpu),
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
        new: None,
        flows: 16,
    }
}

const fn ipv6(name: &'static str, packet: Packet) -> Kind {
    Kind {
        family: Family::Ipv6,
        ..ipv4(name, packet)
    }
}

/// 64 marks in 6 bits of the mark.
fn mask(rule: &mut v1::Info) {
    rule.masked.v0.flags |= v1::flag::MASK;
    rule.masked.v0.hoffset = 0;
    rule.masked.mark_mask = 0x3f00;
}

fn one_out(rule: &mut v1::Info) {
    rule.masked.v0.flags |= v1::flag::WEIGHT;
    rule.less[35] = 100;
}

fn grown(rule: &mut v1::Info) {
    rule.masked.v0.flags |= v1::flag::FROM;
    rule.from = 64;
}

fn key(rule: &mut v1::Info) {
    rule.masked.v0.flags = (rule.masked.v0.flags & !flag::RND) | v1::flag::KEY;
    rule.key = [0x5a; 16];
}

fn gtpu(rule: &mut v1::Info) {
    rule.masked.v0.flags |= v1::flag::INNER;
    rule.inner = inner::GTPU;
    rule.gtpu_port = GTPU_PORT;
}

impl Kind {
    /// Enough flows to have a fair share of those that move.
    const fn many(self) -> Self {
        Self { flows: 256, ..self }
    }

    const fn with(self, new: fn(&mut v1::Info)) -> Self {
        Self {
            new: Some(new),
            ..self
        }
    }

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
    pub fn is_paged(&self) -> bool {
        self.paged
    }

    /// The number of its flows, which divides 4096.
    pub fn flows(&self) -> usize {
        usize::from(self.flows)
    }

    /// The rule of revision 1, if it is one.
    pub fn rule_v1(&self) -> Option<v1::Info> {
        let mut rule = self.rule().into();
        (self.new?)(&mut rule);
        Some(rule)
    }

    /// The rule, as iptables makes it; that of revision 1 without the options of that.
    pub fn rule(&self) -> Info {
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
    pub fn packet(&self, flow: u8, bytes: &mut Bytes) {
        let flow = self.flow(flow);
        bytes.clear();
        match self.packet {
            Packet::Plain(protocol) => {
                bytes.headers(flow.with(protocol), &[]);
                bytes.layer4(flow.with(protocol));
            }
            Packet::Options(words) => {
                bytes.options(flow, words);
                bytes.layer4(flow);
            }
            Packet::Extensions(extensions) => {
                bytes.headers(flow, extensions);
                bytes.layer4(flow);
            }
            Packet::Fragment => bytes.fragment(flow, 185, false, 1),
            Packet::Error => {
                bytes.error(flow);
                bytes.headers(flow, &[]);
                bytes.layer4(flow);
            }
            Packet::Gtpu => {
                let mut outer = flow;
                outer.destination.set_port(GTPU_PORT);
                bytes.headers(outer, &[]);
                let ports = outer.ports();
                bytes.push(&ports);
                // Length and checksum of UDP; version 1, a G-PDU, its length, the tunnel.
                bytes.push(&[0, 100, 0, 0, 0x30, 255, 0, 92, 0, 0, 0, 1]);
                bytes.headers(flow, &[]);
                bytes.layer4(flow);
            }
        }
        bytes.push(&PAYLOAD);
        bytes.finish(self.family);
    }

    /// The layout of a packet of this length in its sk_buff.
    pub fn layout(&self, len: usize) -> Layout {
        match self.is_paged() {
            true => Layout::paged(len, self.family.header_len()),
            false => Layout::linear(len),
        }
    }

    /// The conntrack entry of the packet's flow.
    pub fn conntrack(&self, flow: u8) -> Conntrack {
        match self.what {
            What::Conntrack => Conntrack::of(self.flow(flow)),
            _ => Conntrack::default(),
        }
    }

    fn flow(&self, flow: u8) -> Flow {
        let end = |host, port| match self.family {
            Family::Ipv4 => SocketAddr::from((Ipv4Addr::new(10, host, flow, 9), port)),
            Family::Ipv6 => {
                let low = u16::from_be_bytes([flow, 9]);
                let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, host.into(), low);
                SocketAddr::from((address, port))
            }
        };
        Flow {
            source: end(1, 0x8000 | u16::from(flow)),
            destination: end(2, 443),
            protocol: UDP,
        }
    }
}
