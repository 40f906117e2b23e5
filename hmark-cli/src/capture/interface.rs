// SPDX-License-Identifier: GPL-2.0-only

//! The interfaces of pcapng: their link layers, and how they count time.

use super::link::LinkType;
use super::Order;

/// Numbers of options of an interface.
const TIME_RESOLUTION: u16 = 9;
const TIME_OFFSET: u16 = 14;

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
    /// An interface with these options. Those that cannot be read to their end do no harm: they are about
    /// time alone.
    pub(super) fn new(link: LinkType, snap: u32, mut options: &[u8], order: Order) -> Self {
        let mut interface = Self {
            link,
            snap,
            resolution: 6,
            offset: 0,
        };
        while let Some((number, value, rest)) = option(options, order) {
            match (number, value) {
                (TIME_RESOLUTION, &[resolution, ..]) => interface.resolution = resolution,
                (TIME_OFFSET, value) => {
                    if let Some(bytes) = value.first_chunk() {
                        interface.offset = order.u64(*bytes) as i64;
                    }
                }
                _ => {}
            }
            options = rest;
        }
        interface
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

/// Number and value of the first option, and the options after it.
fn option(options: &[u8], order: Order) -> Option<(u16, &[u8], &[u8])> {
    let number = order.u16_at(options, 0).filter(|&number| number != 0)?;
    let len = usize::from(order.u16_at(options, 2)?);
    let rest = options.get(4..)?;
    Some((
        number,
        rest.get(..len)?,
        rest.get(len.next_multiple_of(4)..)?,
    ))
}
