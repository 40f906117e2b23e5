// SPDX-License-Identifier: GPL-2.0-only

//! NFLOG's frames: packets that `-j NFLOG` recorded with their marks, captured by `tcpdump -i nflog`.
//!
//! A header of four bytes is followed by parts, each of which begins with its length and its type in the
//! byte order of the machine that captured: <https://www.tcpdump.org/linktypes/LINKTYPE_NFLOG.html>. The
//! types are those of `linux/netfilter/nfnetlink_log.h`, and what is in a part is in network byte order.

use hmark::Family;

use super::link::NoPacket;
use super::Frame;

/// Bytes of the frame's header, and of a part's.
const HEADER: usize = 4;
const PART: usize = 4;

/// The most parts of a frame: more than twice as many as there are types.
const MOST_PARTS: usize = 64;

/// The types of parts that matter: `NFULA_PACKET_HDR`, `NFULA_MARK` and `NFULA_PAYLOAD`.
const PACKET_HEADER: u16 = 1;
const MARK: u16 = 2;
const PAYLOAD: u16 = 9;

/// Linux' numbers of families: `AF_INET`, `NFPROTO_NETDEV`, `AF_BRIDGE` and `AF_INET6`.
const IPV4: u8 = 2;
const NETDEV: u8 = 5;
const BRIDGE: u8 = 7;
const IPV6: u8 = 10;

/// A recorded packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recorded<'c> {
    pub(super) family: Family,
    /// The packet from its network header on, as far as it was recorded.
    pub(super) bytes: &'c [u8],
    /// Its mark. The kernel leaves out the part if that is 0.
    pub(super) mark: u32,
}

/// The packet in a frame.
///
/// # Errors
/// The reason why there is none.
pub(super) fn read<'c>(frame: &Frame<'c>) -> Result<Recorded<'c>, NoPacket> {
    let &[family, version, _, _] = frame.bytes.first_chunk::<HEADER>().ok_or(NoPacket::Short)?;
    if version != 0 {
        return Err(NoPacket::Nflog);
    }
    let number = |bytes: [u8; 2]| match frame.is_big_endian {
        true => u16::from_be_bytes(bytes),
        false => u16::from_le_bytes(bytes),
    };
    let (mut kind, mut mark, mut payload) = (None, 0, None);
    let mut at = HEADER;
    for _ in 0..MOST_PARTS {
        let rest = frame.bytes.get(at..).unwrap_or_default();
        let Some((&[a, b, c, d], rest)) = rest.split_first_chunk::<PART>() else {
            break;
        };
        let len = usize::from(number([a, b]));
        let end = at.saturating_add(len);
        if len < PART || end as u64 > frame.len {
            return Err(NoPacket::Nflog);
        }
        // The end of a frame may not have been captured.
        let value = rest.get(..len.saturating_sub(PART)).unwrap_or(rest);
        match (number([c, d]), value) {
            (PACKET_HEADER, &[high, low, ..]) => kind = Some(u16::from_be_bytes([high, low])),
            (MARK, &[a, b, c, d]) => mark = u32::from_be_bytes([a, b, c, d]),
            (PACKET_HEADER | MARK, _) if rest.len() < len.saturating_sub(PART) => {
                return Err(NoPacket::Short)
            }
            (PACKET_HEADER | MARK, _) => return Err(NoPacket::Nflog),
            (PAYLOAD, value) => payload = Some(value),
            _ => {}
        }
        at = end.next_multiple_of(4);
    }
    let bytes = payload.ok_or(NoPacket::Short)?;
    let family = match (family, kind) {
        (IPV4, _) | (NETDEV | BRIDGE, Some(0x0800)) => Family::Ipv4,
        (IPV6, _) | (NETDEV | BRIDGE, Some(0x86dd)) => Family::Ipv6,
        (NETDEV | BRIDGE, Some(other)) => return Err(NoPacket::Ethertype(other)),
        (other, _) => return Err(NoPacket::AddressFamily(other.into())),
    };
    Ok(Recorded {
        family,
        bytes,
        mark,
    })
}
