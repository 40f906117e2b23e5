// SPDX-License-Identifier: GPL-2.0-only

//! Revision 1: the layout of a rule as iptables hands it to the kernel, and its decisions.
//!
//! It begins with revision 0. As long as none of its own options is given, it decides like that.
//!
//! C header: [`include/linux/netfilter/xt_HMARK_v1.h`](../../../include/linux/netfilter/xt_HMARK_v1.h)

use core::mem::{offset_of, size_of};

use super::super::{bucket::redraw, hash::siphash, tuple::Tuple};
use super::{v0, Refusal, Rule, Selection, Source, Tunnels};

/// The options of revision 1 that a rule was given: bits of [`v0::Info::flags`], after those of
/// [`v0::flag`].
pub mod flag {
    use super::v0;

    /// `--hmark-mask`.
    pub const MASK: u32 = 1 << 15;
    /// `--hmark-from`.
    pub const FROM: u32 = 1 << 16;
    /// `--hmark-weight`.
    pub const WEIGHT: u32 = 1 << 17;
    /// `--hmark-key`.
    pub const KEY: u32 = 1 << 18;
    /// `--hmark-inner`.
    pub const INNER: u32 = 1 << 19;
    /// `--hmark-reverse-errors`.
    pub const REVERSE_ERRORS: u32 = 1 << 20;
    /// The flags that revision 0 does not have.
    pub const NEW: u32 = MASK | FROM | WEIGHT | KEY | INNER | REVERSE_ERRORS;
    /// Every flag of revision 1.
    pub const ALL: u32 = v0::flag::ALL | NEW;
}

/// The number of marks that may have weights: the first ones.
pub const WEIGHTS: usize = 256;

/// The weight of a full share, in per cent.
pub const FULL_WEIGHT: u8 = 100;

/// One HMARK rule: `struct xt_hmark_info_v1`, byte for byte.
///
/// Every bit pattern is a valid `Info`; [`Rule::check`] tells whether it may be installed. Each field
/// of its own is zero unless its flag is set in [`v0::Info::flags`].
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Revision 0 and the mask of the mark.
    pub masked: Masked,
    /// The number of marks that the cluster began with, 1 to [`v0::Info::hmodulus`].
    pub from: u32,
    /// The key of SipHash-1-3.
    pub key: [u8; 16],
    /// UDP port of GTP-U, host byte order; 0 if it is not looked into.
    pub gtpu_port: u16,
    /// UDP port of VXLAN, likewise.
    pub vxlan_port: u16,
    /// UDP port of GENEVE, likewise.
    pub geneve_port: u16,
    /// The tunnels whose inner packet is hashed: bits of [`inner`](super::inner).
    pub inner: u8,
    /// Reserved: zero.
    pub reserved: [u8; 5],
    /// 100 minus the weight of each mark, 0 to 100.
    pub less: [u8; WEIGHTS],
}

/// The part of revision 1 that decides a rule with no option of it but `--hmark-mask`: as revision 0
/// does, apart from templates, but only some bits of the mark are set.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Masked {
    /// A rule of revision 0, whose flags may be any of [`flag`].
    pub v0: v0::Info,
    /// The bits of the mark that are set: one run of ones, or zero for all bits.
    pub mark_mask: u32,
}

impl Default for Info {
    fn default() -> Self {
        Self {
            masked: Masked::default(),
            from: 0,
            key: [0; 16],
            gtpu_port: 0,
            vxlan_port: 0,
            geneve_port: 0,
            inner: 0,
            reserved: [0; 5],
            less: [0; WEIGHTS],
        }
    }
}

impl From<v0::Info> for Info {
    fn from(v0: v0::Info) -> Self {
        Self {
            masked: Masked { v0, mark_mask: 0 },
            ..Self::default()
        }
    }
}

impl Info {
    /// Whether any of these bits of [`flag`] or [`v0::flag`] is set.
    #[inline(always)]
    pub const fn has(&self, flags: u32) -> bool {
        self.masked.v0.has(flags)
    }

    /// Checks that a field has a value exactly if its flag is set.
    fn check_flags(&self) -> Result<(), Refusal> {
        if self.has(!flag::ALL) || self.reserved != [0; 5] {
            return Err(Refusal::Unknown);
        }
        let flags_with_value = [
            (flag::MASK, self.masked.mark_mask != 0),
            (flag::FROM, self.from != 0),
            (flag::WEIGHT, self.less.iter().any(|&less| less != 0)),
            (flag::INNER, self.tunnels() != Tunnels::NONE),
        ];
        let agrees = |&(flag, has_value)| self.has(flag) == has_value;
        // Zero is a key, too.
        let has_key = self.key != [0; 16];
        match flags_with_value.iter().all(agrees) && (self.has(flag::KEY) || !has_key) {
            true => Ok(()),
            false => Err(Refusal::FlagWithoutValue),
        }
    }

    fn check_mask(&self) -> Result<(), Refusal> {
        let (v0, mask) = (&self.masked.v0, self.masked.mark_mask);
        if !self.has(flag::MASK) {
            return Ok(());
        }
        if has_holes(mask) {
            return Err(Refusal::MaskWithHoles);
        }
        if v0.hoffset & !mask != 0 {
            return Err(Refusal::OffsetOutsideMask);
        }
        match v0.hmodulus.wrapping_sub(1) > self.masked.last_bucket() {
            true => Err(Refusal::MarksOutsideMask),
            false => Ok(()),
        }
    }

    fn check_weights(&self) -> Result<(), Refusal> {
        if !self.has(flag::WEIGHT) {
            return Ok(());
        }
        let marks = usize::try_from(self.masked.v0.hmodulus).unwrap_or(usize::MAX);
        let Some((less, rest)) = self.less.split_at_checked(marks) else {
            return Err(Refusal::TooManyMarksForWeights);
        };
        if rest.iter().any(|&less| less != 0) {
            return Err(Refusal::WeightOfNoMark);
        }
        if less.iter().any(|&less| less > FULL_WEIGHT) {
            return Err(Refusal::WeightOver100);
        }
        match less.iter().all(|&less| less == FULL_WEIGHT) {
            true => Err(Refusal::NoWeight),
            false => Ok(()),
        }
    }
}

impl Rule for Info {
    type Light = Masked;

    const HASHES_TEMPLATES: bool = false;

    fn check(&self) -> Result<(), Refusal> {
        self.masked.v0.check()?;
        self.check_flags()?;
        self.check_mask()?;
        if self.from > self.masked.v0.hmodulus {
            return Err(Refusal::FromOverMarks);
        }
        self.check_weights()?;
        if self.has(flag::KEY) && self.has(v0::flag::RND) {
            return Err(Refusal::KeyAndSeed);
        }
        self.tunnels().check()?;
        if self.has(v0::flag::CT) && self.has(flag::INNER) {
            return Err(Refusal::InnerOfConnection);
        }
        if self.has(v0::flag::CT) && self.has(flag::REVERSE_ERRORS) {
            return Err(Refusal::ErrorsOfConnection);
        }
        Ok(())
    }

    #[inline(always)]
    fn is_light(&self) -> bool {
        !self.has(flag::NEW & !flag::MASK)
    }

    #[inline(always)]
    fn light(&self) -> &Masked {
        &self.masked
    }

    #[inline(always)]
    fn is_heavy(&self) -> bool {
        self.has(flag::KEY | flag::INNER | flag::REVERSE_ERRORS)
    }

    #[inline(always)]
    fn source(&self) -> Source {
        self.masked.v0.source()
    }

    #[inline(always)]
    fn selection(&self) -> Selection<'_> {
        Selection {
            reverses_errors: self.has(flag::REVERSE_ERRORS),
            ..self.masked.v0.selection()
        }
    }

    #[inline(always)]
    fn looks_into_tunnels(&self) -> bool {
        self.has(flag::INNER)
    }

    #[inline(always)]
    fn tunnels(&self) -> Tunnels {
        Tunnels {
            gtpu_port: self.gtpu_port,
            vxlan_port: self.vxlan_port,
            geneve_port: self.geneve_port,
            inner: self.inner,
        }
    }

    /// With a key SipHash-1-3 over both ends in full, without one as revision 0.
    #[inline(always)]
    fn hash(&self, tuple: &Tuple) -> u32 {
        match self.has(flag::KEY) {
            true => siphash::hash(tuple, &self.key),
            false => self.masked.v0.hash(tuple),
        }
    }

    #[inline(always)]
    fn bucket(&self, hash: u32) -> u32 {
        let marks = self.masked.v0.hmodulus;
        let from = match self.has(flag::FROM) {
            true => self.from,
            false => marks,
        };
        redraw::bucket(hash, from, marks, &self.less)
    }

    #[inline(always)]
    fn merge(&self, old: u32, bucket: u32) -> u32 {
        self.masked.merge(old, bucket)
    }
}

/// Whether there are zeros between the ones of a number.
pub const fn has_holes(number: u32) -> bool {
    let ones = number.wrapping_shr(number.trailing_zeros());
    ones & ones.wrapping_add(1) != 0
}

impl Masked {
    /// The last bucket that has a mark within the mask, which has all bits of the offset.
    pub const fn last_bucket(&self) -> u32 {
        // The offset is a multiple of the mask's lowest bit, and so this has no remainder.
        let room = self.mark_mask.wrapping_sub(self.v0.hoffset);
        room.wrapping_shr(self.mark_mask.trailing_zeros())
    }
}

impl Rule for Masked {
    type Light = Self;

    const HASHES_TEMPLATES: bool = false;

    fn check(&self) -> Result<(), Refusal> {
        Info {
            masked: *self,
            ..Info::default()
        }
        .check()
    }

    #[inline(always)]
    fn is_light(&self) -> bool {
        true
    }

    #[inline(always)]
    fn light(&self) -> &Self {
        self
    }

    #[inline(always)]
    fn is_heavy(&self) -> bool {
        false
    }

    #[inline(always)]
    fn source(&self) -> Source {
        self.v0.source()
    }

    #[inline(always)]
    fn selection(&self) -> Selection<'_> {
        self.v0.selection()
    }

    #[inline(always)]
    fn looks_into_tunnels(&self) -> bool {
        false
    }

    #[inline(always)]
    fn tunnels(&self) -> Tunnels {
        Tunnels::NONE
    }

    #[inline(always)]
    fn hash(&self, tuple: &Tuple) -> u32 {
        self.v0.hash(tuple)
    }

    #[inline(always)]
    fn bucket(&self, hash: u32) -> u32 {
        self.v0.bucket(hash)
    }

    /// The offset plus the bucket, counted in units of the mask's lowest bit. The bits outside the
    /// mask stay as they are in the old mark.
    #[inline(always)]
    fn merge(&self, old: u32, bucket: u32) -> u32 {
        match self.mark_mask {
            0 => self.v0.merge(old, bucket),
            mask => {
                // All marks are within the mask, so that no bit is carried out of it. What does not
                // need the bucket comes first, since that takes the longest.
                let first = (old & !mask).wrapping_add(self.v0.hoffset);
                first.wrapping_add(bucket.wrapping_shl(mask.trailing_zeros()))
            }
        }
    }
}

// The ABI of the C header: no change here may move a field.
const _: () = {
    assert!(size_of::<Info>() == 352);
    assert!(offset_of!(Info, masked.v0) == 0);
    assert!(offset_of!(Info, masked.mark_mask) == 60);
    assert!(offset_of!(Info, from) == 64);
    assert!(offset_of!(Info, key) == 68);
    assert!(offset_of!(Info, gtpu_port) == 84);
    assert!(offset_of!(Info, vxlan_port) == 86);
    assert!(offset_of!(Info, geneve_port) == 88);
    assert!(offset_of!(Info, inner) == 90);
    assert!(offset_of!(Info, reserved) == 91);
    assert!(offset_of!(Info, less) == 96);
};

#[cfg(test)]
mod tests {
    use super::super::inner;
    use super::*;

    /// A rule of so many marks from so many on.
    fn marks(hoffset: u32, hmodulus: u32) -> Info {
        v0::Info {
            hoffset,
            hmodulus,
            ..v0::Info::default()
        }
        .into()
    }

    /// 4 marks, with this change.
    fn with(flags: u32, change: impl FnOnce(&mut Info)) -> Result<(), Refusal> {
        let mut rule = marks(0, 4);
        rule.masked.v0.flags = flags;
        change(&mut rule);
        rule.check()
    }

    #[test]
    fn nothing_new_is_revision_0() {
        assert_eq!(with(0, |_| ()), Ok(()));
        assert_eq!(
            with(
                v0::flag::ALL & !(v0::flag::SPI | v0::flag::SPI_MASK),
                |_| ()
            ),
            Ok(())
        );
        let none = with(0, |rule| rule.masked.v0.hmodulus = 0);
        assert_eq!(none, Err(Refusal::NoBuckets));
    }

    #[test]
    fn unknown_bits_are_refused() {
        for bit in 21..32 {
            assert_eq!(with(1 << bit, |_| ()), Err(Refusal::Unknown), "{bit}");
        }
        for place in 0..5 {
            let refused = with(0, |rule| rule.reserved[place] = 1);
            assert_eq!(refused, Err(Refusal::Unknown), "{place}");
        }
        for bit in 5..8 {
            let refused = with(flag::INNER, |rule| rule.inner = 1 << bit);
            assert_eq!(refused, Err(Refusal::Unknown), "{bit}");
        }
    }

    #[test]
    fn flags_and_values_go_together() {
        for flag in [flag::MASK, flag::FROM, flag::WEIGHT, flag::INNER] {
            assert_eq!(
                with(flag, |_| ()),
                Err(Refusal::FlagWithoutValue),
                "{flag:#x}"
            );
        }
        let changes: [fn(&mut Info); 8] = [
            |rule| rule.masked.mark_mask = 1,
            |rule| rule.from = 1,
            |rule| rule.less[0] = 1,
            |rule| rule.key[15] = 1,
            |rule| rule.inner = 1,
            |rule| rule.gtpu_port = 1,
            |rule| rule.vxlan_port = 1,
            |rule| rule.geneve_port = 1,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            assert_eq!(with(0, change), Err(Refusal::FlagWithoutValue), "{number}");
        }
        assert_eq!(with(flag::KEY, |_| ()), Ok(()));
        assert_eq!(with(flag::KEY, changes[3]), Ok(()));
        assert_eq!(with(flag::REVERSE_ERRORS, |_| ()), Ok(()));
    }

    #[test]
    fn marks_fit_into_the_mask() {
        let check = |hoffset, hmodulus, mark_mask| {
            let mut rule = marks(hoffset, hmodulus);
            rule.masked.v0.flags = flag::MASK;
            rule.masked.mark_mask = mark_mask;
            rule.check()
        };
        for (hoffset, hmodulus, mark_mask) in [
            (0x100, 4, 0x3f00),
            (0, 64, 0x3f00),
            (0x100, 63, 0x3f00),
            (0x3f00, 1, 0x3f00),
            (0, 1, 1),
            (0x8000_0000, 1, 0x8000_0000),
            (0, u32::MAX, u32::MAX),
            (1, u32::MAX, u32::MAX),
            (u32::MAX, 1, u32::MAX),
        ] {
            let fits = check(hoffset, hmodulus, mark_mask);
            assert_eq!(fits, Ok(()), "{hoffset:#x} {hmodulus} {mark_mask:#x}");
        }
        for mask in [0x3f01, 0x5, 0x8000_0001, 0xffff_fffd] {
            assert_eq!(check(0, 1, mask), Err(Refusal::MaskWithHoles), "{mask:#x}");
        }
        for offset in [1, 0x80, 0x4000, 0x101] {
            let refused = check(offset, 1, 0x3f00);
            assert_eq!(refused, Err(Refusal::OffsetOutsideMask), "{offset:#x}");
        }
        for (hoffset, hmodulus, mark_mask) in [
            (0, 65, 0x3f00),
            (0x100, 64, 0x3f00),
            (0x3f00, 2, 0x3f00),
            (0, u32::MAX, 0x3f00),
            (0, 3, 0x8000_0000),
            (2, u32::MAX, u32::MAX),
        ] {
            let refused = check(hoffset, hmodulus, mark_mask);
            assert_eq!(
                refused,
                Err(Refusal::MarksOutsideMask),
                "{hoffset:#x} {hmodulus}"
            );
        }
    }

    #[test]
    fn growth_and_weights_are_of_the_marks_there_are() {
        let from = |from| with(flag::FROM, |rule| rule.from = from);
        assert_eq!((from(1), from(4)), (Ok(()), Ok(())));
        assert_eq!(from(5), Err(Refusal::FromOverMarks));

        let less = |place: usize, less| with(flag::WEIGHT, |rule| rule.less[place] = less);
        assert_eq!((less(0, 100), less(3, 1)), (Ok(()), Ok(())));
        assert_eq!(less(3, 101), Err(Refusal::WeightOver100));
        assert_eq!(less(4, 1), Err(Refusal::WeightOfNoMark));
        assert_eq!(less(255, 1), Err(Refusal::WeightOfNoMark));
        let all_out = with(flag::WEIGHT, |rule| rule.less[..4].fill(100));
        assert_eq!(all_out, Err(Refusal::NoWeight));
        let of_marks = |hmodulus| {
            with(flag::WEIGHT, |rule| {
                rule.masked.v0.hmodulus = hmodulus;
                rule.less[0] = 1;
            })
        };
        assert_eq!(of_marks(256), Ok(()));
        assert_eq!(of_marks(257), Err(Refusal::TooManyMarksForWeights));
        assert_eq!(of_marks(u32::MAX), Err(Refusal::TooManyMarksForWeights));
    }

    #[test]
    fn tunnels_have_ports_of_their_own() {
        let tunnels = |inner, [gtpu_port, vxlan_port, geneve_port]: [u16; 3]| {
            with(flag::INNER, |rule| {
                rule.inner = inner;
                (rule.gtpu_port, rule.vxlan_port) = (gtpu_port, vxlan_port);
                rule.geneve_port = geneve_port;
            })
        };
        assert_eq!(tunnels(inner::ALL, [2152, 4789, 6081]), Ok(()));
        assert_eq!(tunnels(inner::GRE | inner::IPIP, [0; 3]), Ok(()));
        for (kinds, ports) in [
            (inner::GTPU, [0; 3]),
            (inner::GTPU, [2152, 4789, 0]),
            (inner::VXLAN, [2152, 0, 0]),
            (inner::GRE, [0, 0, 1]),
        ] {
            let refused = tunnels(kinds, ports);
            assert_eq!(refused, Err(Refusal::TunnelPort), "{kinds:#x} {ports:?}");
        }
        for ports in [[1, 1, 2], [1, 2, 1], [2, 1, 1]] {
            let kinds = inner::GTPU | inner::VXLAN | inner::GENEVE;
            assert_eq!(
                tunnels(kinds, ports),
                Err(Refusal::TunnelsOnOnePort),
                "{ports:?}"
            );
        }
    }

    #[test]
    fn options_that_exclude_each_other() {
        let key_and_seed = with(flag::KEY | v0::flag::RND, |_| ());
        assert_eq!(key_and_seed, Err(Refusal::KeyAndSeed));
        let inner = with(flag::INNER | v0::flag::CT, |rule| rule.inner = inner::GRE);
        assert_eq!(inner, Err(Refusal::InnerOfConnection));
        let errors = with(flag::REVERSE_ERRORS | v0::flag::CT, |_| ());
        assert_eq!(errors, Err(Refusal::ErrorsOfConnection));
    }

    #[test]
    fn only_bits_of_the_mask_are_set() {
        let mut rule = marks(0x100, 4);
        rule.masked.v0.flags = flag::MASK;
        rule.masked.mark_mask = 0x3f00;
        let marks = [0, 1, 2, 3].map(|bucket| rule.merge(0xabcd_c0fe, bucket));
        assert_eq!(marks, [0xabcd_c1fe, 0xabcd_c2fe, 0xabcd_c3fe, 0xabcd_c4fe]);
    }
}
