// SPDX-License-Identifier: GPL-2.0-only

//! The packets: every kind of transport in every kind of IP packet, from one seed.
//!
//! IP headers are valid enough to reach PREROUTING; the bytes after them need not be.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{IpNumber, Ipv6FragmentHeader, Ipv6RawExtHeader};
use fastrand::Rng;
use testbed::family::Family;

use crate::packet::{self, Ends, Ipv4Extra, Payload};

const IPV6_HEADER: usize = 40;

/// The content of an IP packet.
#[derive(Clone, Copy, Debug)]
enum Transport {
    Tcp,
    Udp,
    UdpLite,
    Sctp,
    Dccp,
    Esp,
    Ah,
    Gre,
    Echo,
    /// A message that is neither an error nor an echo, of any type and code.
    Icmp,
    /// A protocol number nobody expects.
    Unknown,
    /// Random bytes for a protocol that has ports.
    Noise,
    /// A transport header cut short, down to nothing.
    Truncated,
}

const TRANSPORTS: [Transport; 13] = [
    Transport::Tcp,
    Transport::Udp,
    Transport::UdpLite,
    Transport::Sctp,
    Transport::Dccp,
    Transport::Esp,
    Transport::Ah,
    Transport::Gre,
    Transport::Echo,
    Transport::Icmp,
    Transport::Unknown,
    Transport::Noise,
    Transport::Truncated,
];

/// Protocols of which HMARK reads the ports or the SPI.
const WITH_PORTS: [IpNumber; 7] = [
    IpNumber::TCP,
    IpNumber::UDP,
    IpNumber::UDP_LITE,
    IpNumber::SCTP,
    IpNumber::DCCP,
    IpNumber::ENCAPSULATING_SECURITY_PAYLOAD,
    IpNumber::AUTHENTICATION_HEADER,
];

/// The form of an IP packet. IPv4 options and IPv6 extension headers are both "extended".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Plain,
    Extended,
    FirstFragment,
    LaterFragment,
    /// Quoted by an ICMP error.
    Quoted,
    /// Quoted by an ICMP error, with options or extension headers.
    ExtendedQuoted,
    /// A fragment quoted by an ICMP error.
    FragmentQuoted,
    /// Quoted by an ICMP error that is cut short.
    TruncatedQuoted,
    /// Quoted by an ICMP error, with some bytes changed.
    MutatedQuoted,
    /// Quoted by an ICMP error that another one quotes.
    TwiceQuoted,
    /// Quoted by an ICMP message of any type.
    StrangelyQuoted,
    /// An error that extension headers (or options) precede.
    QuotedBehindExtension,
    /// With some bytes after the IP header changed.
    Mutated,
    /// Cut short anywhere after the IP header.
    Truncated,
}

const SHAPES: [Shape; 14] = [
    Shape::Plain,
    Shape::Extended,
    Shape::FirstFragment,
    Shape::LaterFragment,
    Shape::Quoted,
    Shape::ExtendedQuoted,
    Shape::FragmentQuoted,
    Shape::TruncatedQuoted,
    Shape::MutatedQuoted,
    Shape::TwiceQuoted,
    Shape::StrangelyQuoted,
    Shape::QuotedBehindExtension,
    Shape::Mutated,
    Shape::Truncated,
];

/// `count` packets for namespaces without conntrack: every transport in every shape, in turn.
pub fn stateless(family: Family, seed: u64, count: usize) -> Vec<Vec<u8>> {
    let mut maker = Maker::new(family, seed);
    let kinds = SHAPES
        .iter()
        .flat_map(|shape| TRANSPORTS.iter().map(|transport| (*transport, *shape)));
    let kinds = kinds.cycle().take(count);
    kinds
        .map(|(transport, shape)| maker.packet(transport, shape))
        .collect()
}

/// At least `count` packets for conntrack: flows in both directions, related ICMP errors,
/// fragments that are reassembled, and packets that conntrack refuses to track.
pub fn connections(family: Family, seed: u64, count: usize) -> Vec<Vec<u8>> {
    let mut maker = Maker::new(family, seed);
    let mut packets = Vec::new();
    for transport in TRANSPORTS.iter().cycle() {
        if packets.len() >= count {
            break;
        }
        maker.connection(*transport, &mut packets);
    }
    packets
}

struct Maker {
    family: Family,
    random: Rng,
}

impl Maker {
    fn new(family: Family, seed: u64) -> Self {
        Self {
            family,
            random: Rng::with_seed(seed),
        }
    }

    fn packet(&mut self, transport: Transport, shape: Shape) -> Vec<u8> {
        let ends = self.ends();
        let payload = self.payload(transport, ends);
        let plain = packet::ip(ends, &payload);
        match shape {
            Shape::Plain => plain,
            Shape::Extended => self.extended(ends, &payload),
            Shape::FirstFragment => self.fragment(ends, &payload, 0, true),
            Shape::LaterFragment => {
                let (offset, more) = (self.random.u16(1..180), self.random.bool());
                self.fragment(ends, &payload, offset, more)
            }
            Shape::Quoted => self.error(&plain),
            Shape::ExtendedQuoted => {
                let quoted = self.extended(ends, &payload);
                self.error(&quoted)
            }
            Shape::FragmentQuoted => {
                let (offset, more) = (self.random.u16(..2), self.random.bool());
                let quoted = self.fragment(ends, &payload, offset, more);
                self.error(&quoted)
            }
            Shape::TruncatedQuoted => {
                let quoted = match self.random.bool() {
                    true => plain,
                    false => self.extended(ends, &payload),
                };
                let length = self.random.usize(..quoted.len());
                self.error(&quoted[..length])
            }
            Shape::MutatedQuoted => {
                let mut quoted = match self.random.bool() {
                    true => plain,
                    false => self.extended(ends, &payload),
                };
                self.mutate(&mut quoted);
                self.error(&quoted)
            }
            Shape::TwiceQuoted => {
                let quoted = self.error(&plain);
                self.error(&quoted)
            }
            Shape::StrangelyQuoted => {
                let message = packet::icmp_error(self.family, self.random.u8(..), 0, &plain);
                let ends = self.ends();
                packet::ip(ends, &message)
            }
            Shape::QuotedBehindExtension => {
                let message = self.error_message(&plain);
                let ends = self.ends();
                self.extended(ends, &message)
            }
            Shape::Mutated => {
                let mut payload = payload;
                self.mutate(&mut payload.bytes);
                match self.family {
                    Family::Ipv4 => packet::ip(ends, &payload),
                    Family::Ipv6 => self.mutated_chain(ends, payload),
                }
            }
            Shape::Truncated => match self.family {
                Family::Ipv4 => packet::ip(ends, &self.truncated(payload, 0)),
                Family::Ipv6 => {
                    let chain = self.chain(payload);
                    let read = hop_by_hop(&chain);
                    packet::ip(ends, &self.truncated(chain, read))
                }
            },
        }
    }

    /// Packets of one connection, and others related to it, in the order in which they are sent.
    fn connection(&mut self, transport: Transport, packets: &mut Vec<Vec<u8>>) {
        let (ends, back) = {
            let ends = self.ends();
            (ends, ends.reversed())
        };
        let (forth, reply) = match transport {
            Transport::Tcp => (packet::tcp(ends, 0x02), packet::tcp(back, 0x12)),
            Transport::Echo => (packet::echo(ends, false), packet::echo(back, true)),
            _ => (self.payload(transport, ends), self.payload(transport, back)),
        };
        let first = packet::ip(ends, &forth);
        let second = packet::ip(back, &reply);
        packets.extend([first.clone(), second.clone(), first.clone()]);
        packets.push(self.extended(ends, &forth));
        // Errors from the server's and from the client's side; the next one quotes no connection.
        packets.push(packet::ip(back, &self.error_message(&first)));
        packets.push(packet::ip(ends, &self.error_message(&second)));
        packets.push(packet::ip(
            back,
            &self.error_message(&first[..first.len() - 4]),
        ));
        let unknown = self.ends();
        let quoted = packet::ip(unknown, &packet::udp(unknown));
        packets.push(self.error(&quoted));
        // The kernel reassembles these before anything else sees them.
        let long = Payload::new(forth.protocol, [&forth.bytes[..], &[0x77; 96]].concat());
        let (head, tail) = long.bytes.split_at(48);
        let identification = self.random.u32(..);
        for (bytes, offset, more) in [(head, 0, true), (tail, 6, false)] {
            let part = Payload::new(long.protocol, bytes.to_vec());
            packets.push(self.part(ends, &part, offset, more, identification));
        }
        // A TCP packet with SYN and RST is invalid.
        packets.push(packet::ip(ends, &packet::tcp(ends, 0x06)));
    }

    /// Two ends, some of which appear repeatedly, and in both directions.
    fn ends(&mut self) -> Ends {
        let ends = Ends {
            src: self.address(),
            dst: self.address(),
            sport: self.port(),
            dport: self.port(),
        };
        match self.random.bool() {
            true => ends,
            false => ends.reversed(),
        }
    }

    fn address(&mut self) -> IpAddr {
        let random = &mut self.random;
        match (self.family, random.u8(..4)) {
            (Family::Ipv4, 0) => Ipv4Addr::from([10, 0, 0, random.u8(1..9)]).into(),
            (Family::Ipv4, _) => {
                // Unicast, but neither loopback nor "this network".
                let address = random.u32(0x0100_0000..0xe000_0000);
                match address >> 24 {
                    127 => Ipv4Addr::from(address ^ (1 << 31)).into(),
                    _ => Ipv4Addr::from(address).into(),
                }
            }
            (Family::Ipv6, 0) => {
                Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, random.u16(1..9)).into()
            }
            // Global unicast, 2000::/3.
            (Family::Ipv6, _) => Ipv6Addr::from((random.u128(..) >> 3) | (1 << 125)).into(),
        }
    }

    fn port(&mut self) -> u16 {
        match self.random.u8(..4) {
            0 => *self
                .random
                .choice(&[0, 1, 80, 443, 5060, 65535])
                .unwrap_or(&0),
            _ => self.random.u16(..),
        }
    }

    fn payload(&mut self, transport: Transport, ends: Ends) -> Payload {
        match transport {
            Transport::Tcp => packet::tcp(ends, self.random.u8(..)),
            Transport::Udp => packet::udp(ends),
            Transport::UdpLite => packet::udplite(ends),
            Transport::Sctp => packet::sctp(ends),
            Transport::Dccp => packet::dccp(ends),
            Transport::Esp => packet::esp(self.random.u32(..)),
            Transport::Ah => {
                let inner = match self.random.bool() {
                    true => packet::tcp(ends, 0x10),
                    false => packet::echo(ends, false),
                };
                packet::ah(self.random.u32(..), inner)
            }
            Transport::Gre => packet::gre(),
            Transport::Echo => packet::echo(ends, self.random.bool()),
            Transport::Icmp => {
                let (kind, code) = (self.random.u8(..), self.random.u8(..));
                let body = self.bytes(..32);
                packet::icmp(self.family, kind, code, &body)
            }
            Transport::Unknown => {
                // 144 to 252 are unassigned; none of them is an IPv6 extension header.
                let protocol = IpNumber(self.random.u8(144..253));
                Payload::new(protocol, self.bytes(..40))
            }
            Transport::Noise => {
                let protocol = self.random.choice(WITH_PORTS).unwrap_or(IpNumber::TCP);
                Payload::new(protocol, self.bytes(..64))
            }
            Transport::Truncated => {
                let protocol = self.random.choice(WITH_PORTS).unwrap_or(IpNumber::TCP);
                Payload::new(protocol, self.bytes(..8))
            }
        }
    }

    /// A packet with IPv4 options or IPv6 extension headers.
    fn extended(&mut self, ends: Ends, payload: &Payload) -> Vec<u8> {
        match self.family {
            Family::Ipv4 => {
                // No-operation options; the last one ends the list.
                let mut options = vec![1; 4 * self.random.usize(1..=10)];
                options.pop();
                options.push(0);
                let extra = Ipv4Extra {
                    options,
                    ..Default::default()
                };
                packet::ipv4(ends, payload, &extra)
            }
            Family::Ipv6 => {
                let chain = self.chain(payload.clone());
                packet::ip(ends, &chain)
            }
        }
    }

    /// `payload` after up to five IPv6 extension headers, none of them a fragment header.
    fn chain(&mut self, mut payload: Payload) -> Payload {
        if self.random.u8(..8) == 0 {
            // The header says that nothing follows, although something does.
            payload.protocol = IpNumber::IPV6_NO_NEXT_HEADER;
        }
        for _ in 0..self.random.u8(..4) {
            payload = match self.random.u8(..4) {
                0 => packet::ah(self.random.u32(..), payload),
                1 => self.extension(IpNumber::IPV6_ROUTE_HEADER, payload),
                _ => self.extension(IpNumber::IPV6_DESTINATION_OPTIONS, payload),
            };
        }
        // Hop-by-hop options may only come first, and the kernel reads them before PREROUTING.
        match self.random.bool() {
            true => self.extension(IpNumber::IPV6_HEADER_HOP_BY_HOP, payload),
            false => payload,
        }
    }

    /// `payload` after an extension header with one option that is to be skipped.
    fn extension(&mut self, kind: IpNumber, payload: Payload) -> Payload {
        const SKIPPED: u8 = 0x1e;
        let length = 6 + 8 * self.random.usize(..4);
        let mut options = self.bytes(length..=length);
        options[0] = SKIPPED;
        options[1] = (length - 2) as u8;
        let header = Ipv6RawExtHeader::new_raw(payload.protocol, &options)
            .expect("6 bytes and a multiple of 8 fit");
        Payload::new(kind, [&header.to_bytes()[..], &payload.bytes].concat())
    }

    /// A chain of IPv6 extension headers with bytes changed.
    fn mutated_chain(&mut self, ends: Ends, payload: Payload) -> Vec<u8> {
        let chain = self.chain(payload);
        let read = hop_by_hop(&chain);
        let mut packet = packet::ip(ends, &chain);
        self.mutate(&mut packet[IPV6_HEADER + read..]);
        packet
    }

    /// `payload` as a fragment of its own; `offset` in units of 8 bytes.
    fn fragment(&mut self, ends: Ends, payload: &Payload, offset: u16, more: bool) -> Vec<u8> {
        let identification = self.random.u32(..);
        let payload = match self.family {
            Family::Ipv4 => payload.clone(),
            // Extension headers may lie in the fragment.
            Family::Ipv6 if self.random.bool() => self.chain(payload.clone()),
            Family::Ipv6 => payload.clone(),
        };
        self.part(ends, &payload, offset, more, identification)
    }

    /// `payload` as one of the fragments that have this `identification`.
    fn part(
        &self,
        ends: Ends,
        payload: &Payload,
        offset: u16,
        more: bool,
        identification: u32,
    ) -> Vec<u8> {
        match self.family {
            Family::Ipv4 => {
                let extra = Ipv4Extra {
                    options: Vec::new(),
                    more_fragments: more,
                    fragment_offset: offset,
                    identification: identification as u16,
                };
                packet::ipv4(ends, payload, &extra)
            }
            Family::Ipv6 => {
                let offset = offset.try_into().expect("offsets have 13 bits");
                let header =
                    Ipv6FragmentHeader::new(payload.protocol, offset, more, identification);
                let bytes = [&header.to_bytes()[..], &payload.bytes].concat();
                packet::ip(
                    ends,
                    &Payload::new(IpNumber::IPV6_FRAGMENTATION_HEADER, bytes),
                )
            }
        }
    }

    /// An ICMP error from anywhere that quotes `quoted`.
    fn error(&mut self, quoted: &[u8]) -> Vec<u8> {
        let message = self.error_message(quoted);
        let ends = self.ends();
        packet::ip(ends, &message)
    }

    fn error_message(&mut self, quoted: &[u8]) -> Payload {
        let kinds: &[u8] = match self.family {
            Family::Ipv4 => &[3, 4, 5, 11, 12],
            Family::Ipv6 => &[1, 2, 3, 4, 100, 127],
        };
        let kind = *self.random.choice(kinds).unwrap_or(&1);
        packet::icmp_error(self.family, kind, self.random.u8(..5), quoted)
    }

    /// `payload` cut short, but not below `least` bytes.
    fn truncated(&mut self, mut payload: Payload, least: usize) -> Payload {
        let length = self.random.usize(least..=payload.bytes.len());
        payload.bytes.truncate(length);
        payload
    }

    fn mutate(&mut self, bytes: &mut [u8]) {
        for _ in 0..self.random.usize(1..4) {
            if !bytes.is_empty() {
                let at = self.random.usize(..bytes.len());
                bytes[at] = self.random.u8(..);
            }
        }
    }

    fn bytes(&mut self, length: impl std::ops::RangeBounds<usize>) -> Vec<u8> {
        let length = self.random.usize(length);
        std::iter::repeat_with(|| self.random.u8(..))
            .take(length)
            .collect()
    }
}

/// The number of bytes of an IPv6 payload that the kernel reads before PREROUTING: those of the
/// hop-by-hop options. If they are cut off, it drops the packet.
fn hop_by_hop(payload: &Payload) -> usize {
    match payload.protocol {
        IpNumber::IPV6_HEADER_HOP_BY_HOP => (usize::from(payload.bytes[1]) + 1) * 8,
        _ => 0,
    }
}
