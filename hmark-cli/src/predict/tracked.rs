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
    /// It leaves the packet alone, or says that it is invalid.
    No,
    /// That depends on the kernel, or on more than the packet.
    Unknown,
}

/// Types of ICMP and ICMPv6 messages that conntrack tracks. Errors are not among them: they belong to what
/// they quote.
const ICMP: [u8; 8] = [0, 8, 13, 14, 15, 16, 17, 18];
const ICMPV6: [u8; 4] = [128, 129, 139, 140];

/// Those that ask, which alone open a connection.
const ICMP_REQUESTS: [u8; 4] = [8, 13, 15, 17];
const ICMPV6_REQUESTS: [u8; 2] = [128, 139];

/// GRE, whose version 1, PPTP's, has a key that another connection agrees.
const GRE: Protocol = Protocol(47);

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
                // For conntrack, the reserved type 0 is an error about what it quotes, which it is not for HMARK.
                _ if kind == 0 => return Tracked::Unknown,
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
        // Conntrack goes on to what follows AH, other than HMARK.
        Protocol::AH if family == Family::Ipv6 => return Tracked::Unknown,
        NONE if family == Family::Ipv6 => false,
        GRE => match packet.read(at) {
            Some([_, version, _, _]) if version & 7 == 1 => return Tracked::Unknown,
            _ => true,
        },
        _ => true,
    };
    match is_tracked {
        true => Tracked::Yes,
        false => Tracked::No,
    }
}

fn is_tcp<P: Packet + ?Sized>(packet: &P, at: u32, left: u32) -> bool {
    let Some([offset, flags]) = packet.read(at.saturating_add(12)) else {
        return false;
    };
    let length = u32::from(offset >> 4) << 2;
    left >= 20 && (20..=left).contains(&length) && TCP_FLAGS.contains(&flags_that_matter(flags))
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
        Protocol::TCP => packet
            .read(at.saturating_add(13))
            .is_some_and(|[flags]: [u8; 1]| {
                [SYN, ACK].contains(&(flags_that_matter(flags) & !URG))
            }),
        _ => true,
    }
}

/// Whether a packet cannot be an answer.
pub(super) fn asks<P: Packet + ?Sized>(header: Layer4Header, packet: &P) -> bool {
    let flags: Option<[u8; 1]> = packet.read(header.at.saturating_add(13));
    match header.protocol {
        Protocol::TCP => flags.is_some_and(|[flags]| flags_that_matter(flags) & !URG == SYN),
        Protocol::ICMP | Protocol::ICMPV6 => opens(header, packet),
        _ => false,
    }
}
