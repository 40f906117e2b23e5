// SPDX-License-Identifier: GPL-2.0-only

//! Link layers: finds the network header in a captured frame.
//!
//! Their numbers and headers are those of <https://www.tcpdump.org/linktypes.html>. `etherparse` would not
//! make this shorter: all that is wanted of a header is an "ethertype" at a fixed place, and of these
//! link layers it knows only Ethernet and version 1 of Linux "cooked".

use std::fmt;

use hmark::Family;

/// The type of a link layer: `LINKTYPE_*` in a file, to which old files' `DLT_RAW` are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD's loopback: the address family in the byte order of the machine that captured.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// Raw IP, by the number that most systems have for it in memory, and some programs in files.
    pub const DLT_RAW: Self = Self(12);
    /// The same on OpenBSD.
    pub const DLT_RAW_OPENBSD: Self = Self(14);
    /// Raw IP: the version tells the family.
    pub const RAW: Self = Self(101);
    /// OpenBSD's loopback: the address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux "cooked", version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// NFLOG: packets that a rule recorded, with their marks.
    pub const NFLOG: Self = Self(239);
    /// Linux "cooked", version 2.
    pub const LINUX_SLL2: Self = Self(276);

    /// Whether frames of this type can be read.
    pub const fn is_known(self) -> bool {
        matches!(
            self,
            Self::NULL
                | Self::ETHERNET
                | Self::DLT_RAW
                | Self::DLT_RAW_OPENBSD
                | Self::RAW
                | Self::LOOP
                | Self::LINUX_SLL
                | Self::IPV4
                | Self::IPV6
                | Self::NFLOG
                | Self::LINUX_SLL2
        )
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::NULL => "BSD loopback",
            Self::ETHERNET => "Ethernet",
            Self::DLT_RAW | Self::DLT_RAW_OPENBSD | Self::RAW => "raw IP",
            Self::LOOP => "OpenBSD loopback",
            Self::LINUX_SLL => "Linux cooked v1",
            Self::IPV4 => "raw IPv4",
            Self::IPV6 => "raw IPv6",
            Self::LINUX_SLL2 => "Linux cooked v2",
            Self(105 | 119 | 127 | 163) => "IEEE 802.11",
            Self(189 | 220) => "USB",
            Self(201 | 254) => "Bluetooth",
            Self::NFLOG => "NFLOG",
            Self(9 | 50) => "PPP",
            Self(other) => return write!(f, "{other}"),
        };
        write!(f, "{} ({name})", self.0)
    }
}

/// The reason why a frame has no IP packet that a host would see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NoPacket {
    /// The link layer cannot be read.
    Link(LinkType),
    /// Another protocol, by its "ethertype".
    Ethertype(u16),
    /// An IEEE 802.3 frame, which has a length in place of the "ethertype".
    Ieee8023,
    /// Another address family, by its number in BSD's loopback.
    AddressFamily(u32),
    /// The frame or what was captured of it ends before the network header does.
    Short,
    /// The IP header has another version than the link layer says, or none that there is.
    Version,
    /// The parts of NFLOG's header cannot be, or its version is unknown.
    Nflog,
    /// The IP header says that it or the packet is longer or shorter than can be. Hosts drop it unseen.
    Length,
}

impl fmt::Display for NoPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(link) => write!(f, "link type {link} is not understood"),
            Self::Ethertype(0x0806) => f.write_str("ARP, not IP"),
            Self::Ethertype(0x8863 | 0x8864) => f.write_str("PPPoE, not IP"),
            Self::Ethertype(0x8847 | 0x8848) => f.write_str("MPLS, not IP"),
            Self::Ethertype(0x88cc) => f.write_str("LLDP, not IP"),
            Self::Ethertype(0x88e5) => f.write_str("MACsec, not IP"),
            Self::Ethertype(other) => write!(f, "not IP: ethertype {other:#06x}"),
            Self::Ieee8023 => f.write_str("not IP: IEEE 802.3"),
            Self::AddressFamily(family) => write!(f, "not IP: address family {family}"),
            Self::Short => f.write_str("too short for an IP header"),
            Self::Version => f.write_str("no IP version 4 or 6 where it should be"),
            Self::Nflog => f.write_str("the header of NFLOG cannot be: damaged here"),
            Self::Length => f.write_str("the IP header's lengths cannot be: hosts drop it"),
        }
    }
}

/// Tags before the "ethertype" of a frame: 802.1Q, 802.1ad, and those that were used before it.
const VLAN: [u16; 4] = [0x8100, 0x88a8, 0x9100, 0x9200];

/// Family and offset of the network header in a frame of this link layer, other than NFLOG's.
///
/// # Errors
/// The reason why there is none.
#[inline]
pub fn network(link: LinkType, frame: &[u8]) -> Result<(Family, usize), NoPacket> {
    match link {
        LinkType::ETHERNET => ethertype(frame, 12, 14),
        LinkType::LINUX_SLL => ethertype(frame, 14, 16),
        LinkType::LINUX_SLL2 => ethertype(frame, 0, 20),
        LinkType::RAW | LinkType::DLT_RAW | LinkType::DLT_RAW_OPENBSD => Ok((raw(frame)?, 0)),
        LinkType::IPV4 => Ok((Family::Ipv4, 0)),
        LinkType::IPV6 => Ok((Family::Ipv6, 0)),
        LinkType::NULL | LinkType::LOOP => Ok((loopback(frame)?, 4)),
        other => Err(NoPacket::Link(other)),
    }
}

/// The network header of a frame whose "ethertype" is at `at` and whose payload, which may begin with
/// VLAN tags, is at `payload`.
fn ethertype(frame: &[u8], at: usize, mut payload: usize) -> Result<(Family, usize), NoPacket> {
    let mut kind = number(frame, at)?;
    while VLAN.contains(&kind) {
        // A tag has two bytes, and then the "ethertype" of what it is before.
        kind = number(frame, payload.saturating_add(2))?;
        payload = payload.saturating_add(4);
    }
    match kind {
        0x0800 => Ok((Family::Ipv4, payload)),
        0x86dd => Ok((Family::Ipv6, payload)),
        0..=0x05dc => Err(NoPacket::Ieee8023),
        other => Err(NoPacket::Ethertype(other)),
    }
}

fn number(frame: &[u8], at: usize) -> Result<u16, NoPacket> {
    let bytes = frame.get(at..).and_then(|rest| rest.first_chunk());
    bytes
        .copied()
        .map(u16::from_be_bytes)
        .ok_or(NoPacket::Short)
}

fn raw(frame: &[u8]) -> Result<Family, NoPacket> {
    match frame.first().ok_or(NoPacket::Short)? >> 4 {
        4 => Ok(Family::Ipv4),
        6 => Ok(Family::Ipv6),
        _ => Err(NoPacket::Version),
    }
}

/// The family in BSD's loopback header. Its byte order is not that of the file, if another machine has
/// rewritten the file, but all families' numbers are below 256.
fn loopback(frame: &[u8]) -> Result<Family, NoPacket> {
    let bytes = frame.first_chunk().ok_or(NoPacket::Short)?;
    let number = u32::from_be_bytes(*bytes);
    match number.min(number.swap_bytes()) {
        2 => Ok(Family::Ipv4),
        // Linux, Windows, NetBSD and OpenBSD, FreeBSD, Darwin.
        10 | 23 | 24 | 28 | 30 => Ok(Family::Ipv6),
        other => Err(NoPacket::AddressFamily(other)),
    }
}
