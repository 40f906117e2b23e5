// SPDX-License-Identifier: GPL-2.0-only

//! The marks of a plan's gateways, and the aligned block of marks that they are in.

/// The marks of gateways, one each, in steps of the lowest bit of their mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// The mark of the first gateway.
    pub first: u32,
    /// The bits that are set; [`None`] for the whole mark.
    pub mask: Option<u32>,
    /// The number of gateways, at least 1.
    pub count: u32,
}

impl Marks {
    /// The marks of `count` gateways where the file does not say which: from 0x100 on or, with a mask, its
    /// upper half. These stay as they are when gateways are added, and are blocks of their own.
    ///
    /// `mask`, if there is one, is one run of ones.
    pub fn default_first(mask: Option<u32>) -> u32 {
        match mask {
            None => 0x100,
            Some(mask) => 1_u32.checked_shl(mask.ilog2()).unwrap_or(mask),
        }
    }

    /// The bits that count where marks are compared.
    pub fn bits(&self) -> u32 {
        self.mask.unwrap_or(u32::MAX)
    }

    /// The number of zeros below the mask's ones.
    pub fn shift(&self) -> u32 {
        // A mask of 0 has been refused; its 32 zeros would be a shift too far.
        self.bits().trailing_zeros().min(31)
    }

    /// The mark of a gateway, counted from 0.
    pub fn mark(&self, place: u32) -> u32 {
        self.first.wrapping_add(place << self.shift())
    }

    /// All marks, in the order of gateways.
    pub fn all(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.count).map(|place| self.mark(place))
    }

    /// Whether the last mark is beyond the mask, or wraps.
    pub fn overflow(&self) -> bool {
        let last = u64::from(self.count.saturating_sub(1)) << self.shift();
        u64::from(self.first).saturating_add(last) > u64::from(self.bits())
    }

    /// The smallest block, a value of the bits of a mask, that all marks are in.
    ///
    /// [`None`] if the mark 0 is in it, too, so that it tells no packet from those that have no mark.
    pub fn block(&self) -> Option<(u32, u32)> {
        let last = self.mark(self.count.saturating_sub(1));
        let mask = self.bits() & above(self.first ^ last);
        let value = self.first & mask;
        (value != 0).then_some((value, mask))
    }

    /// The least first mark that has them all in a block of their own.
    ///
    /// [`None`] if the mask has no room for it.
    pub fn aligned(&self) -> Option<u32> {
        let first = self.count.checked_next_power_of_two()?;
        let first = first.checked_mul(1 << self.shift())?;
        let marks = Self { first, ..*self };
        (!marks.overflow()).then_some(first)
    }
}

/// All bits above the highest one of these.
pub fn above(bits: u32) -> u32 {
    match bits.checked_ilog2() {
        None => u32::MAX,
        Some(highest) => u32::MAX.checked_shl(highest.saturating_add(1)).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(first: u32, mask: u32, count: u32) -> Marks {
        let mask = Some(mask).filter(|mask| *mask != u32::MAX);
        Marks { first, mask, count }
    }

    #[test]
    fn blocks_leave_the_mark_0_out() {
        for (first, mask, count, block) in [
            (0x100, u32::MAX, 4, Some((0x100, 0xffff_fffc))),
            (0x100, u32::MAX, 70, Some((0x100, 0xffff_ff80))),
            (0x100, u32::MAX, 256, Some((0x100, 0xffff_ff00))),
            (100, u32::MAX, 4, Some((100, 0xffff_fffc))),
            (100, u32::MAX, 17, Some((0x60, 0xffff_ffe0))),
            (100, u32::MAX, 70, None),
            (128, u32::MAX, 70, Some((0x80, 0xffff_ff80))),
            (0x2000, 0x3f00, 32, Some((0x2000, 0x2000))),
            (0x100, 0x3f00, 17, None),
            (7, u32::MAX, 1, Some((7, u32::MAX))),
        ] {
            let marks = marks(first, mask, count);
            assert_eq!(marks.block(), block, "{marks:?}");
        }
    }

    #[test]
    fn marks_fit_their_mask() {
        assert!(!marks(0x2000, 0x3f00, 32).overflow());
        assert!(marks(0x2000, 0x3f00, 33).overflow());
        assert!(marks(0xffff_ffff, u32::MAX, 2).overflow());
        assert_eq!(marks(0, 0x3f00, 17).aligned(), Some(0x2000));
        assert_eq!(marks(0, 0x3f00, 33).aligned(), None);
        assert_eq!(marks(0, u32::MAX, 70).aligned(), Some(128));
        assert_eq!(Marks::default_first(Some(0x3f00)), 0x2000);
        assert_eq!(Marks::default_first(Some(u32::MAX)), 0x8000_0000);
    }
}
