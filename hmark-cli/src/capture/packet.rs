// SPDX-License-Identifier: GPL-2.0-only

//! The IP packet in a captured frame, as a host's hooks would see it.

use hmark::{Family, Packet};

use super::link::{network, LinkType, NoPacket};
use super::{nflog, Frame};
use crate::flow::RawPacket;

/// A captured IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpPacket<'c> {
    /// Its family.
    pub family: Family,
    /// The captured bytes from the network header on, without padding.
    pub bytes: &'c [u8],
    /// Its length in bytes, of which fewer may have been captured.
    pub len: u32,
    /// Its mark when it was recorded; [`None`] if the link layer does not say it.
    pub mark: Option<u32>,
}

impl<'c> IpPacket<'c> {
    /// The packet for [`hmark::mark()`], unmarked and not tracked.
    pub fn raw(&self) -> RawPacket<'c> {
        RawPacket::new(self.bytes, self.len)
    }

    /// The packet in a frame.
    ///
    /// As the kernel does before any hook, it drops what has no valid IP header, and trims padding.
    /// Checksums are not looked at: packets that are sent get theirs from the device, after the capture.
    ///
    /// # Errors
    /// The reason why there is none.
    #[inline]
    pub fn find(link: LinkType, frame: &Frame<'c>) -> Result<Self, NoPacket> {
        let (family, bytes, received, mark) = match link {
            LinkType::NFLOG => {
                let recorded = nflog::read(frame)?;
                // A rule may record the first bytes alone (`--nflog-size`), of a packet that the kernel has
                // looked at already.
                (recorded.family, recorded.bytes, None, Some(recorded.mark))
            }
            link => {
                let (family, offset) = network(link, frame.bytes)?;
                let bytes = frame.bytes.get(offset..).ok_or(NoPacket::Short)?;
                let received = frame.len.saturating_sub(offset as u64);
                let received = u32::try_from(received).unwrap_or(u32::MAX);
                (family, bytes, Some(received), None)
            }
        };
        let len = match family {
            Family::Ipv4 => ipv4_len(bytes, received)?,
            Family::Ipv6 => ipv6_len(bytes, received)?,
        };
        let kept = usize::try_from(len).unwrap_or(usize::MAX);
        Ok(Self {
            family,
            bytes: bytes.get(..kept).unwrap_or(bytes),
            len,
            mark,
        })
    }
}

/// The length of an IPv4 packet (RFC 791), of which `received` bytes came; [`None`] if that is not known.
///
/// The total length is 0 in a large packet that the device is to cut up ("BIG TCP").
fn ipv4_len(bytes: &[u8], received: Option<u32>) -> Result<u32, NoPacket> {
    let &[version_and_len, _, high, low, ..] = bytes.first_chunk::<20>().ok_or(NoPacket::Short)?;
    let header = u32::from(version_and_len & 0x0f) << 2;
    let total = match u16::from_be_bytes([high, low]) {
        0 => received.unwrap_or(bytes.end()),
        total => u32::from(total),
    };
    match (version_and_len >> 4, total) {
        (4, total) if header >= 20 && header <= total && came(total, received) => Ok(total),
        (4, _) => Err(NoPacket::Length),
        _ => Err(NoPacket::Version),
    }
}

/// The length of an IPv6 packet (RFC 8200), likewise.
///
/// The payload length is 0 in a jumbogram (RFC 2675), and in a large packet that the device is to cut up.
fn ipv6_len(bytes: &[u8], received: Option<u32>) -> Result<u32, NoPacket> {
    let &[version, _, _, _, high, low, ..] = bytes.first_chunk::<40>().ok_or(NoPacket::Short)?;
    let total = match u16::from_be_bytes([high, low]) {
        0 => received.unwrap_or(bytes.end()),
        payload => u32::from(payload).saturating_add(40),
    };
    match version >> 4 {
        6 if came(total, received) => Ok(total),
        6 => Err(NoPacket::Length),
        _ => Err(NoPacket::Version),
    }
}

/// True unless fewer bytes are known to have come than the packet has.
fn came(total: u32, received: Option<u32>) -> bool {
    received.is_none_or(|received| total <= received)
}
