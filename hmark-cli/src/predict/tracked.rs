// SPDX-License-Identifier: GPL-2.0-only

//! The packets that conntrack takes, by their headers of layer 4: `net/netfilter/nf_conntrack_proto_*.c`.
//!
//! Checksums are not looked at: those of packets that a host sends are made by its device.

use hmark::{Family, Packet};

use crate::flow::Protocol;

/// A packet's header of layer 4.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layer4Header {
    pub family: Family,
    pub protocol: Protocol,
    /// Its offset in the packet.
    pub at: u32,
    /// Whether it is quoted by an ICMP error, which quotes no more than the first 8 bytes.
    pub is_quoted: bool,
}

/// Whether conntrack tracks a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tracked {
    Yes,
    /// It leaves the packet alone.
    No,
    /// The packet is invalid for it.
    Invalid,
    /// That depends on the kernel, or on more than the packet.
    Unknown,
}

/// Types of ICMP and ICMPv6 messages that conntrack tracks. Errors are not among them: they belong to what
/// they quote.
const ICMP: [u8; 8] = [0, 8, 13, 14, 15, 16, 17, 18];
const ICMPV6: [u8; 4] = [128, 129, 139, 140];

/// Those of ICMPv6 that it leaves alone: multicast listeners, routers and neighbours (RFC 2710, 4861, 3810).
const UNTRACKED: [u8; 8] = [130, 131, 132, 133, 134, 135, 136, 143];

/// Multicast routers (RFC 4286), which older kernels take for invalid.
const NEWLY_UNTRACKED: [u8; 2] = [151, 152];

/// Those that ask, which alone open a connection.
const ICMP_REQUESTS: [u8; 4] = [8, 13, 15, 17];
const ICMPV6_REQUESTS: [u8; 2] = [128, 139];

/// The redirect of ICMPv6, RFC 4861.
const REDIRECT: u8 = 137;

/// "No next header", RFC 8200.
const NONE: Protocol = Protocol(59);

/// Flags of TCP, without ECE, CWR and PSH, which do not matter: `get_conntrack_index()`.
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
const URG: u8 = 0x20;

/// The combinations of these that conntrack takes: `tcp_valid_flags`.
const TCP_FLAGS: [u8; 9] = [
    SYN,
    SYN | URG,
    SYN | ACK,
    RST,
    RST | ACK,
    FIN | ACK,
    FIN | ACK | URG,
    ACK,
    ACK | URG,
];

/// Whether conntrack tracks a packet, if it is of a connection or opens one.
pub(super) fn state<P: Packet + ?Sized>(header: Layer4Header, packet: &P) -> Tracked {
    let Layer4Header {
        family,
        protocol,
        at,
        is_quoted,
    } = header;
    let left = packet.end().saturating_sub(at);
    let is_tracked = match protocol {
        Protocol::ICMP | Protocol::ICMPV6 => match packet.read(at) {
            Some([kind]) if left >= 8 => match protocol {
                Protocol::ICMP => ICMP.contains(&kind),
                // For conntrack, the reserved type 0 is an error and a redirect may be one, but not for HMARK.
                _ if kind == 0 || kind == REDIRECT => return Tracked::Unknown,
                _ if UNTRACKED.contains(&kind) => return Tracked::No,
                _ if NEWLY_UNTRACKED.contains(&kind) => return Tracked::Unknown,
                _ => ICMPV6.contains(&kind),
            },
            _ => false,
        },
        // Newer kernels do not know their ports.
        Protocol::UDPLITE | Protocol::DCCP => return Tracked::Unknown,
        // Of what is quoted, conntrack reads the ports alone.
        _ if protocol.has_ports() && is_quoted => true,
        Protocol::TCP => is_tcp(packet, at, left),
        Protocol::UDP => match packet.read(at.saturating_add(4)) {
            Some(length) if left >= 8 => {
                let length = u32::from(u16::from_be_bytes(length));
                (8..=left).contains(&length)
            }
            _ => false,
        },
        Protocol::SCTP => match left >= 12 && has_chunk(packet, at) {
            // Its checksum counts, too, which a capture may have from before the card filled it in.
            true => return Tracked::Unknown,
            false => false,
        },
        NONE if family == Family::Ipv6 => false,
        // The tuple has no ports, or others than HMARK's: an SPI tells flows apart for HMARK alone, GRE of
        // version 1 has a key that another connection agrees, and of IPv6, what follows AH counts.
        _ => return Tracked::Unknown,
    };
    match is_tracked {
        true => Tracked::Yes,
        false => Tracked::Invalid,
    }
}

fn is_tcp<P: Packet + ?Sized>(packet: &P, at: u32, left: u32) -> bool {
    let Some([offset, flags]) = packet.read(at.saturating_add(12)) else {
        return false;
    };
    let length = u32::from(offset >> 4) << 2;
    left >= 20 && (20..=left).contains(&length) && TCP_FLAGS.contains(&flags_that_matter(flags))
}

/// A TCP packet's kind, as conntrack sees it: `get_conntrack_index()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Syn,
    SynAck,
    Fin,
    Ack,
    Rst,
    Other,
}

/// The kind of a TCP packet.
pub(super) fn segment<P: Packet + ?Sized>(header: Layer4Header, packet: &P) -> Segment {
    let Some([flags]) = packet.read(header.at.saturating_add(13)) else {
        return Segment::Other;
    };
    let has = |flag| flags & flag != 0;
    match (has(RST), has(SYN), has(FIN), has(ACK)) {
        (true, ..) => Segment::Rst,
        (_, true, _, true) => Segment::SynAck,
        (_, true, ..) => Segment::Syn,
        (_, _, true, _) => Segment::Fin,
        (.., true) => Segment::Ack,
        _ => Segment::Other,
    }
}

const fn flags_that_matter(flags: u8) -> u8 {
    flags & (FIN | SYN | RST | ACK | URG)
}

/// Whether an SCTP packet has a chunk, the length of which is not 0 (RFC 9260).
fn has_chunk<P: Packet + ?Sized>(packet: &P, at: u32) -> bool {
    let length = packet.read::<4>(at.saturating_add(12));
    length.is_some_and(|[_, _, high, low]| (high, low) != (0, 0))
}

/// Whether a packet can open a connection. One of TCP that acknowledges can, too: conntrack picks up
/// connections from before its time (`nf_conntrack_tcp_loose`).
pub(super) fn opens<P: Packet + ?Sized>(header: Layer4Header, packet: &P) -> bool {
    let at = header.at;
    match header.protocol {
        Protocol::ICMP => packet
            .read(at)
            .is_some_and(|[kind]: [u8; 1]| ICMP_REQUESTS.contains(&kind)),
        Protocol::ICMPV6 => packet
            .read(at)
            .is_some_and(|[kind]: [u8; 1]| ICMPV6_REQUESTS.contains(&kind)),
        Protocol::TCP => matches!(segment(header, packet), Segment::Syn | Segment::Ack),
        _ => true,
    }
}

/// The type of the ICMP query that a type answers; [`None`] if conntrack knows none.
pub(super) fn query_of(protocol: Protocol, reply: u8) -> Option<u8> {
    match (protocol, reply) {
        (Protocol::ICMP, 0) => Some(8),
        (Protocol::ICMP, 14 | 16 | 18) | (Protocol::ICMPV6, 140) => reply.checked_sub(1),
        (Protocol::ICMPV6, 129) => Some(128),
        _ => None,
    }
}

/// Whether a packet cannot be an answer.
pub(super) fn asks<P: Packet + ?Sized>(header: Layer4Header, packet: &P) -> bool {
    match header.protocol {
        Protocol::TCP => segment(header, packet) == Segment::Syn,
        Protocol::ICMP | Protocol::ICMPV6 => opens(header, packet),
        _ => false,
    }
}
