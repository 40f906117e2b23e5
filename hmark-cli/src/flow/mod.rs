// SPDX-License-Identifier: GPL-2.0-only

//! A flow: the packets between two ends, in one direction.

mod packet;
mod protocol;
mod text;

use std::net::IpAddr;

use hmark::{Connection, Ends, Family};

pub use packet::{FlowPacket, RawPacket};
pub use protocol::Protocol;

/// The packets from one end to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flow {
    /// Layer 4 protocol.
    pub protocol: Protocol,
    /// Address of the end that sends.
    pub source: IpAddr,
    /// Address of the end that receives, of the same family.
    pub destination: IpAddr,
    /// The part of the layer 4 header that tells flows between two addresses apart.
    pub layer4: Layer4,
}

/// The part of a layer 4 header that tells flows between two addresses apart. All numbers are in host
/// byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer4 {
    /// Nothing, or nothing that is known.
    #[default]
    None,
    /// The ports of TCP, UDP, SCTP and the like.
    Ports {
        /// Port of the end that sends.
        source: u16,
        /// Port of the end that receives.
        destination: u16,
    },
    /// The Security Parameter Index of ESP (RFC 4303) or AH (RFC 4302).
    Spi(u32),
    /// The head of an ICMP (RFC 792) or ICMPv6 (RFC 4443) message.
    Icmp {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
        /// The identifier of an echo; 0 in other messages.
        id: u16,
    },
}

impl Flow {
    /// The flow between two addresses.
    ///
    /// [`None`] if they are not of one family.
    pub fn new(
        protocol: Protocol,
        source: IpAddr,
        destination: IpAddr,
        layer4: Layer4,
    ) -> Option<Self> {
        (source.is_ipv4() == destination.is_ipv4()).then_some(Self {
            protocol,
            source,
            destination,
            layer4,
        })
    }

    /// The family of its addresses.
    pub fn family(&self) -> Family {
        match self.source {
            IpAddr::V4(_) => Family::Ipv4,
            IpAddr::V6(_) => Family::Ipv6,
        }
    }

    /// Source and destination port, in host byte order.
    ///
    /// [`None`] if the protocol has no ports, or they are not known.
    pub fn ports(&self) -> Option<(u16, u16)> {
        match self.layer4 {
            Layer4::Ports {
                source,
                destination,
            } => Some((source, destination)),
            _ => None,
        }
    }

    /// Whether it is one of ICMP errors, each of which HMARK takes for the packet that it quotes.
    pub fn is_icmp_error(&self) -> bool {
        match (self.protocol, self.layer4) {
            (Protocol::ICMP, Layer4::Icmp { kind, .. }) => matches!(kind, 3 | 4 | 5 | 11 | 12),
            (Protocol::ICMPV6, Layer4::Icmp { kind, .. }) => matches!(kind, 1..=127),
            _ => false,
        }
    }

    /// The flow that answers this one, if nothing in between changes an address or a port.
    ///
    /// [`None`] if it cannot be known: an SPI is of one direction only, and not every ICMP message is
    /// answered.
    pub fn reply(&self) -> Option<Self> {
        let layer4 = match self.layer4 {
            Layer4::None => Layer4::None,
            Layer4::Ports {
                source,
                destination,
            } => Layer4::Ports {
                source: destination,
                destination: source,
            },
            Layer4::Spi(_) => return None,
            Layer4::Icmp { kind, code, id } => Layer4::Icmp {
                kind: self.protocol.icmp_reply(kind)?,
                code,
                id,
            },
        };
        Some(Self {
            protocol: self.protocol,
            source: self.destination,
            destination: self.source,
            layer4,
        })
    }

    /// The entry that conntrack makes for the first packet of the flow, if no address or port is
    /// translated.
    pub fn connection(&self) -> Connection {
        let (original_port, reply_port) = match self.layer4 {
            Layer4::Ports {
                source,
                destination,
            } => (source, destination),
            // Both directions of an echo have its identifier as their source.
            Layer4::Icmp { id, .. } => (id, id),
            Layer4::None | Layer4::Spi(_) => (0, 0),
        };
        Connection {
            ends: match (self.source, self.destination) {
                (IpAddr::V4(source), IpAddr::V4(destination)) => Ends::Ipv4 {
                    original: u32::from_ne_bytes(source.octets()),
                    reply: u32::from_ne_bytes(destination.octets()),
                },
                (source, destination) => Ends::Ipv6 {
                    original: words(source),
                    reply: words(destination),
                },
            },
            protocol: self.protocol.0,
            original_port: original_port.to_be(),
            reply_port: reply_port.to_be(),
        }
    }

    /// A packet of the flow, unmarked and not tracked.
    pub fn packet(&self) -> FlowPacket {
        FlowPacket::new(self)
    }
}

/// An address as four words in network byte order.
fn words(address: IpAddr) -> [u32; 4] {
    let octets = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    };
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(octets.chunks_exact(4)) {
        *word = bytes
            .first_chunk()
            .map_or(0, |bytes| u32::from_ne_bytes(*bytes));
    }
    words
}

/// The beginning of a text that an error is about, without what a terminal would obey.
pub(crate) fn shown(text: &str) -> String {
    let visible = |char: char| match char.is_control() {
        true => '?',
        false => char,
    };
    let mut shown: String = text.chars().take(48).map(visible).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(text: &str) -> Flow {
        text.parse().unwrap()
    }

    #[test]
    fn a_reply_has_the_ends_exchanged() {
        let reply = |text: &str| flow(text).reply().map(|reply| reply.to_string());
        for (forth, back) in [
            (
                "tcp 10.0.0.1:5555 198.51.100.1:80",
                Some("tcp 198.51.100.1:80 10.0.0.1:5555"),
            ),
            (
                "udp [fd00::1]:53 [fd00::2]:54",
                Some("udp [fd00::2]:54 [fd00::1]:53"),
            ),
            (
                "icmp 10.0.0.1 10.0.0.2 8/0 id 7",
                Some("icmp 10.0.0.2 10.0.0.1 0/0 id 7"),
            ),
            (
                "icmpv6 fd00::1 fd00::2 128/0 id 7",
                Some("icmpv6 fd00::2 fd00::1 129/0 id 7"),
            ),
            ("icmp 10.0.0.1 10.0.0.2 11/0", None),
            ("esp 10.0.0.1 10.0.0.2 spi 0x1234", None),
            ("gre 10.0.0.1 10.0.0.2", Some("gre 10.0.0.2 10.0.0.1")),
        ] {
            assert_eq!(reply(forth).as_deref(), back, "{forth}");
        }
    }

    #[test]
    fn a_connection_has_both_ends_in_network_byte_order() {
        let connection = flow("sctp 10.0.0.1:256 10.0.0.2:1").connection();
        assert_eq!(connection.original_port.to_ne_bytes(), [1, 0]);
        assert_eq!(connection.reply_port.to_ne_bytes(), [0, 1]);
        let Ends::Ipv4 { original, reply } = connection.ends else {
            panic!("{connection:?}");
        };
        assert_eq!(original.to_ne_bytes(), [10, 0, 0, 1]);
        assert_eq!(reply.to_ne_bytes(), [10, 0, 0, 2]);
        let reversed = flow("udp [fd00::1]:7 [fd00::2]:8").connection().reversed();
        assert_eq!(reversed, flow("udp [fd00::2]:8 [fd00::1]:7").connection());
    }
}
