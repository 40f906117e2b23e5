// SPDX-License-Identifier: GPL-2.0-only

//! Packets of every kind that HMARK reads, byte for byte.

use std::net::IpAddr;

use etherparse::{
    IpAuthHeader, IpFragOffset, IpNumber, Ipv4Header, Ipv4Options, Ipv6Header, TcpHeader, UdpHeader,
};
use testbed::family::Family;

/// The two ends of a flow.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub sport: u16,
    pub dport: u16,
}

impl Ends {
    /// The other direction.
    pub fn reversed(self) -> Self {
        Self {
            src: self.dst,
            dst: self.src,
            sport: self.dport,
            dport: self.sport,
        }
    }

    /// The four bytes of both ports, with which many protocols start.
    fn ports(self) -> Vec<u8> {
        [self.sport.to_be_bytes(), self.dport.to_be_bytes()].concat()
    }
}

/// The bytes after the IP header, and their protocol.
#[derive(Clone, Debug)]
pub struct Payload {
    pub protocol: IpNumber,
    pub bytes: Vec<u8>,
}

impl Payload {
    pub fn new(protocol: IpNumber, bytes: Vec<u8>) -> Self {
        Self { protocol, bytes }
    }
}

/// TCP; `flags` is its 14th byte (2 is SYN, 0x10 ACK).
pub fn tcp(ends: Ends, flags: u8) -> Payload {
    let mut bytes = TcpHeader::new(ends.sport, ends.dport, 1, 4096)
        .to_bytes()
        .to_vec();
    bytes[13] = flags;
    Payload::new(IpNumber::TCP, bytes)
}

/// UDP.
pub fn udp(ends: Ends) -> Payload {
    let header = UdpHeader {
        source_port: ends.sport,
        destination_port: ends.dport,
        length: 12,
        checksum: 0,
    };
    let bytes = [&header.to_bytes()[..], b"ping"].concat();
    Payload::new(IpNumber::UDP, bytes)
}

/// UDP-Lite, all of it covered by the checksum.
pub fn udplite(ends: Ends) -> Payload {
    let bytes = [ends.ports(), vec![0, 0, 0, 0]].concat();
    Payload::new(IpNumber::UDP_LITE, [bytes, b"ping".to_vec()].concat())
}

/// SCTP with an INIT chunk.
pub fn sctp(ends: Ends) -> Payload {
    let common = [ends.ports(), vec![0; 8]].concat();
    let init = [1, 0, 0, 20, 0, 0, 0, 7, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1];
    Payload::new(IpNumber::SCTP, [&common[..], &init].concat())
}

/// A DCCP request.
pub fn dccp(ends: Ends) -> Payload {
    let header = [5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    Payload::new(IpNumber::DCCP, [&ends.ports()[..], &header].concat())
}

/// ESP with the index `spi`.
pub fn esp(spi: u32) -> Payload {
    let bytes = [&spi.to_be_bytes()[..], &[0, 0, 0, 1], &[0xa5; 24]].concat();
    Payload::new(IpNumber::ENCAPSULATING_SECURITY_PAYLOAD, bytes)
}

/// An authentication header with the index `spi` before `inner`.
pub fn ah(spi: u32, inner: Payload) -> Payload {
    let header = IpAuthHeader::new(inner.protocol, spi, 1, &[0x5a; 12])
        .expect("a 12-byte check value is valid");
    let bytes = [&header.to_bytes()[..], &inner.bytes].concat();
    Payload::new(IpNumber::AUTHENTICATION_HEADER, bytes)
}

/// GRE version 0 without options.
pub fn gre() -> Payload {
    Payload::new(IpNumber::GRE, [&[0, 0, 8, 0][..], &[0; 20]].concat())
}

/// An ICMP or ICMPv6 message; `body` is everything after the checksum.
pub fn icmp(family: Family, kind: u8, code: u8, body: &[u8]) -> Payload {
    let protocol = match family {
        Family::Ipv4 => IpNumber::ICMP,
        Family::Ipv6 => IpNumber::IPV6_ICMP,
    };
    Payload::new(protocol, [&[kind, code, 0, 0], body].concat())
}

/// An echo request or reply with the source port as its identifier.
pub fn echo(ends: Ends, reply: bool) -> Payload {
    let identifier = match reply {
        false => ends.sport,
        true => ends.dport,
    };
    let (family, kind) = match (ends.src, reply) {
        (IpAddr::V4(_), false) => (Family::Ipv4, 8),
        (IpAddr::V4(_), true) => (Family::Ipv4, 0),
        (IpAddr::V6(_), false) => (Family::Ipv6, 128),
        (IpAddr::V6(_), true) => (Family::Ipv6, 129),
    };
    let body = [&identifier.to_be_bytes()[..], &[0, 1], b"ping"].concat();
    icmp(family, kind, 0, &body)
}

/// An ICMP error that quotes the packet `quoted`.
pub fn icmp_error(family: Family, kind: u8, code: u8, quoted: &[u8]) -> Payload {
    icmp(family, kind, code, &[&[0; 4], quoted].concat())
}

/// The differences of an IPv4 header from the plain one.
#[derive(Clone, Debug, Default)]
pub struct Ipv4Extra {
    /// IP options; a multiple of 4, at most 40 bytes.
    pub options: Vec<u8>,
    pub more_fragments: bool,
    /// In units of 8 bytes.
    pub fragment_offset: u16,
    pub identification: u16,
}

/// A packet with an IPv4 or IPv6 header.
pub fn ip(ends: Ends, payload: &Payload) -> Vec<u8> {
    match (ends.src, ends.dst) {
        (IpAddr::V4(_), _) => ipv4(ends, payload, &Ipv4Extra::default()),
        (IpAddr::V6(_), _) => ipv6(ends, payload),
    }
}

/// A packet with an IPv4 header and a correct header checksum.
pub fn ipv4(ends: Ends, payload: &Payload, extra: &Ipv4Extra) -> Vec<u8> {
    let (IpAddr::V4(src), IpAddr::V4(dst)) = (ends.src, ends.dst) else {
        panic!("{ends:?} are no IPv4 addresses");
    };
    let length = u16::try_from(payload.bytes.len()).expect("packets are short");
    let mut header = Ipv4Header::new(length, 64, payload.protocol, src.octets(), dst.octets())
        .expect("packets are short");
    header.options = Ipv4Options::try_from(&extra.options[..]).expect("options fit");
    header
        .set_payload_len(payload.bytes.len())
        .expect("packets are short");
    header.identification = extra.identification;
    header.dont_fragment = false;
    header.more_fragments = extra.more_fragments;
    header.fragment_offset =
        IpFragOffset::try_new(extra.fragment_offset).expect("offsets have 13 bits");
    header.header_checksum = header.calc_header_checksum();
    [&header.to_bytes()[..], &payload.bytes].concat()
}

/// A packet with an IPv6 header.
pub fn ipv6(ends: Ends, payload: &Payload) -> Vec<u8> {
    let (IpAddr::V6(src), IpAddr::V6(dst)) = (ends.src, ends.dst) else {
        panic!("{ends:?} are no IPv6 addresses");
    };
    let header = Ipv6Header {
        traffic_class: 0,
        flow_label: Default::default(),
        payload_length: u16::try_from(payload.bytes.len()).expect("packets are short"),
        next_header: payload.protocol,
        hop_limit: 64,
        source: src.octets(),
        destination: dst.octets(),
    };
    [&header.to_bytes()[..], &payload.bytes].concat()
}

/// A packet that is in no experiment and marks the end of a chunk.
pub fn sentinel(family: Family) -> Vec<u8> {
    let (src, dst): (IpAddr, IpAddr) = match family {
        Family::Ipv4 => ([198, 18, 0, 1].into(), [198, 18, 0, 2].into()),
        Family::Ipv6 => (
            [0x2001, 2, 0, 0, 0, 0, 0, 1].into(),
            [0x2001, 2, 0, 0, 0, 0, 0, 2].into(),
        ),
    };
    let ends = Ends {
        src,
        dst,
        sport: 9,
        dport: 9,
    };
    ip(ends, &udp(ends))
}
