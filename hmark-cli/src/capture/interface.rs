// SPDX-License-Identifier: GPL-2.0-only

//! The interfaces of pcapng: their link layers, and how they count time.

use pcap_parser::pcapng::InterfaceDescriptionBlock;

use super::link::LinkType;

/// An interface, as far as it matters for packets.
#[derive(Clone, Copy)]
pub(super) struct Interface {
    pub(super) link: LinkType,
    /// The most bytes captured of a packet; 0 if there is no limit.
    pub(super) snap: u32,
    /// The unit of timestamps: a power of 10, or of 2 if the first bit is set, of which this is the
    /// negative exponent.
    resolution: u8,
    /// Seconds to add to timestamps.
    offset: i64,
}

impl Interface {
    pub(super) fn new(block: &InterfaceDescriptionBlock<'_>, is_big_endian: bool) -> Self {
        let [.., high, low] = block.linktype.0.to_be_bytes();
        Self {
            link: LinkType(u16::from_be_bytes([high, low])),
            snap: block.snaplen,
            resolution: block.if_tsresol,
            // pcap-parser 0.17 reads it as little-endian always.
            offset: match is_big_endian {
                true => block.if_tsoffset.swap_bytes(),
                false => block.if_tsoffset,
            },
        }
    }

    /// The nanoseconds since 1970 of a timestamp.
    pub(super) fn nanoseconds(&self, time: u64) -> u64 {
        let time = u128::from(time);
        let exponent = u32::from(self.resolution & 0x7f);
        let nanoseconds = match self.resolution & 0x80 {
            0 => match exponent.checked_sub(9) {
                None => time.saturating_mul(10u128.pow(9u32.saturating_sub(exponent))),
                Some(finer) => match 10u128.checked_pow(finer) {
                    Some(units) => time.checked_div(units).unwrap_or(0),
                    None => 0,
                },
            },
            _ => time
                .saturating_mul(1_000_000_000)
                .checked_shr(exponent)
                .unwrap_or(0),
        };
        let offset = i128::from(self.offset).saturating_mul(1_000_000_000);
        let nanoseconds = i128::try_from(nanoseconds).unwrap_or(i128::MAX);
        let nanoseconds = nanoseconds.saturating_add(offset).max(0);
        u64::try_from(nanoseconds).unwrap_or(u64::MAX)
    }
}
