// SPDX-License-Identifier: GPL-2.0-only

//! Packets to mark: one of a flow, and one that was captured.

use std::cell::Cell;
use std::net::IpAddr;

use hmark::{Connection, Packet};

use super::{Flow, Layer4, Protocol};

/// The longest packet of a flow in bytes: an IPv6 and a TCP header.
const LONGEST: usize = 40 + 20;

/// A packet of a flow: its headers, without payload.
///
/// It is what HMARK reads of such a packet, and not fit to be sent: checksums are 0.
#[derive(Clone, Copy, Debug)]
pub struct FlowPacket {
    bytes: [u8; LONGEST],
    length: u8,
    /// The packet's mark before the rule at hand.
    pub mark: u32,
    /// The packet's entry in conntrack; [`None`] if it is not tracked.
    pub connection: Option<Connection>,
}

impl FlowPacket {
    pub(super) fn new(flow: &Flow) -> Self {
        let mut packet = Self {
            bytes: [0; LONGEST],
            length: 0,
            mark: 0,
            connection: None,
        };
        let (head, head_length) = layer4(flow);
        let head = head.get(..head_length).unwrap_or(&head);
        let protocol = flow.protocol.0;
        match (flow.source, flow.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let total = u16::try_from(20 + head.len()).unwrap_or(0);
                packet.push(&[0x45, 0]);
                packet.push(&total.to_be_bytes());
                // No identifier, no fragment; TTL 64; checksum 0.
                packet.push(&[0, 0, 0, 0, 64, protocol, 0, 0]);
                packet.push(&source.octets());
                packet.push(&destination.octets());
            }
            (source, destination) => {
                let payload = u16::try_from(head.len()).unwrap_or(0);
                packet.push(&[0x60, 0, 0, 0]);
                packet.push(&payload.to_be_bytes());
                packet.push(&[protocol, 64]);
                for address in [source, destination] {
                    packet.push(&match address {
                        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
                        IpAddr::V6(address) => address.octets(),
                    });
                }
            }
        }
        packet.push(head);
        packet
    }

    fn push(&mut self, bytes: &[u8]) {
        for (place, byte) in self.bytes.iter_mut().skip(self.length.into()).zip(bytes) {
            *place = *byte;
            self.length = self.length.saturating_add(1);
        }
    }

    /// The packet, from its network header on.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length.into()).unwrap_or(&self.bytes)
    }
}

/// The layer 4 header of a packet, and its length in bytes.
fn layer4(flow: &Flow) -> ([u8; 20], usize) {
    let mut head = [0; 20];
    let mut put = |at: usize, bytes: &[u8]| {
        for (place, byte) in head.iter_mut().skip(at).zip(bytes) {
            *place = *byte;
        }
    };
    match flow.layer4 {
        Layer4::Ports {
            source,
            destination,
        } => {
            put(0, &source.to_be_bytes());
            put(2, &destination.to_be_bytes());
        }
        Layer4::Spi(spi) if flow.protocol == Protocol::AH => put(4, &spi.to_be_bytes()),
        Layer4::Spi(spi) => put(0, &spi.to_be_bytes()),
        Layer4::Icmp { kind, code, id } => {
            put(0, &[kind, code]);
            put(4, &id.to_be_bytes());
        }
        Layer4::None => {}
    }
    let length = match flow.protocol {
        Protocol::TCP => {
            put(12, &[0x50, 0x02]); // Five words of header; SYN.
            20
        }
        Protocol::UDP | Protocol::UDPLITE => {
            put(4, &[0, 8]);
            8
        }
        Protocol::SCTP => {
            put(12, &[1, 0, 0, 4]); // A chunk, INIT, without which it is no packet.
            16
        }
        Protocol::DCCP => 16,
        Protocol::AH => {
            put(0, &[59, 1]); // Nothing follows; three words, of which two do not count.
            12
        }
        _ => 8,
    };
    (head, length)
}

impl Packet for FlowPacket {
    fn mark(&self) -> u32 {
        self.mark
    }

    fn end(&self) -> u32 {
        self.length.into()
    }

    fn is_linear(&self) -> bool {
        true
    }

    fn in_place<const N: usize>(&self, offset: u32) -> Option<&[u8; N]> {
        self.bytes().in_place(offset)
    }

    fn copy<const N: usize>(&self, _offset: u32) -> Option<[u8; N]> {
        None
    }

    fn connection(&self) -> Option<Connection> {
        self.connection
    }
}

/// A captured packet, of which the end may be missing.
#[derive(Clone, Debug)]
pub struct RawPacket<'a> {
    bytes: &'a [u8],
    end: u32,
    was_cut: Cell<bool>,
    /// The packet's mark before the rule at hand.
    pub mark: u32,
    /// The packet's entry in conntrack; [`None`] if it is not tracked.
    pub connection: Option<Connection>,
}

impl<'a> RawPacket<'a> {
    /// A packet, unmarked and not tracked, of which `bytes` were captured, from its network header on, and
    /// which had `end` bytes on the wire, counted from there. With an `end` before the last byte, the
    /// packet ends with that byte.
    pub fn new(bytes: &'a [u8], end: u32) -> Self {
        Self {
            bytes,
            end: end.max(bytes.end()),
            was_cut: Cell::new(false),
            mark: 0,
            connection: None,
        }
    }

    /// The captured bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether something has been read of the packet that was not captured, so that its mark cannot be
    /// told from what was.
    pub fn was_cut(&self) -> bool {
        self.was_cut.get()
    }
}

impl Packet for RawPacket<'_> {
    fn mark(&self) -> u32 {
        self.mark
    }

    fn end(&self) -> u32 {
        self.end
    }

    fn is_linear(&self) -> bool {
        true
    }

    fn in_place<const N: usize>(&self, offset: u32) -> Option<&[u8; N]> {
        let found = self.bytes.in_place(offset);
        if found.is_none() {
            let wanted = u32::try_from(N).ok().and_then(|n| offset.checked_add(n));
            if wanted.is_some_and(|wanted| wanted <= self.end) {
                self.was_cut.set(true);
            }
        }
        found
    }

    fn copy<const N: usize>(&self, _offset: u32) -> Option<[u8; N]> {
        None
    }

    fn connection(&self) -> Option<Connection> {
        self.connection
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hmark::rule::v1::Info;
    use hmark::{explain, mark, Family};

    fn rule(text: &str, family: Family) -> Info {
        hmark_text::read(text, family).unwrap().0
    }

    /// The tuple that a rule with all selectors sees is the flow.
    #[test]
    fn a_packet_has_what_the_flow_says() {
        for (text, ports) in [
            ("tcp 10.0.0.1:258 10.0.0.2:772", 0x0102_0304),
            ("udp [fd00::1]:258 [fd00::2]:772", 0x0102_0304),
            ("sctp [fd00::1]:258 [fd00::2]:772", 0x0102_0304),
            ("udplite 10.0.0.1:258 10.0.0.2:772", 0x0102_0304),
            ("dccp 10.0.0.1:258 10.0.0.2:772", 0x0102_0304),
            ("esp 10.0.0.1 10.0.0.2 spi 0x1020304", 0x0102_0304),
            ("esp fd00::1 fd00::2 spi 0x1020304", 0x0102_0304),
            ("ah 10.0.0.1 10.0.0.2 spi 0x1020304", 0x0102_0304),
            ("gre 10.0.0.1 10.0.0.2", 0),
            ("icmp 10.0.0.1 10.0.0.2 8/0 id 5", 0),
            ("icmpv6 fd00::1 fd00::2 128/0 id 5", 0),
        ] {
            let flow: Flow = text.parse().unwrap();
            let family = flow.family();
            let steps = explain(family, &flow.packet(), &rule("--hmark-mod 7", family)).steps;
            let tuple = steps.unwrap().tuple;
            assert_eq!(tuple.ports, ports, "{text}");
            assert_eq!(tuple.protocol, flow.protocol.0, "{text}");
            let [src, dst] = [flow.source, flow.destination].map(|address| match address {
                IpAddr::V4(address) => [u32::from_ne_bytes(address.octets()), 0, 0, 0],
                address => super::super::words(address),
            });
            assert_eq!((tuple.src.words(), tuple.dst.words()), (src, dst), "{text}");
        }
    }

    #[test]
    fn a_connection_is_hashed_like_its_packet() {
        for text in [
            "tcp 10.0.0.1:258 10.0.0.2:772",
            "udp [fd00::1]:258 [fd00::2]:772",
        ] {
            let flow: Flow = text.parse().unwrap();
            let mut packet = flow.packet();
            let family = flow.family();
            let of_packet = mark(family, &packet, &rule("--hmark-mod 65535", family));
            let ct = rule(
                "--hmark-tuple ct,src,dst,sport,dport,proto --hmark-mod 65535",
                family,
            );
            assert_eq!(mark(family, &packet, &ct), None, "{text}");
            packet.connection = Some(flow.connection());
            assert_eq!(mark(family, &packet, &ct), of_packet, "{text}");
        }
    }

    #[test]
    fn a_packet_that_was_cut_is_told_from_a_short_one() {
        let flow: Flow = "tcp 10.0.0.1:1 10.0.0.2:2".parse().unwrap();
        let packet = flow.packet();
        let rule = rule("--hmark-mod 4", Family::Ipv4);
        let whole = packet.bytes();
        let seen = |bytes, end| {
            let raw = RawPacket::new(bytes, end);
            let mark = mark(Family::Ipv4, &raw, &rule);
            (mark, raw.was_cut())
        };
        let expected = mark(Family::Ipv4, &packet, &rule);
        assert_eq!(seen(whole, 40), (expected, false));
        assert_eq!(seen(whole, 1500), (expected, false));
        assert_eq!(seen(&whole[..24], 40), (expected, false));
        assert!(seen(&whole[..23], 40).1);
        assert!(!seen(&whole[..23], 23).1);
    }
}
