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
        let shift = mask.trailing_zeros();
        let ones = mask.wrapping_shr(shift);
        if ones & ones.wrapping_add(1) != 0 {
            return Err(Refusal::MaskWithHoles);
        }
        if v0.hoffset & !mask != 0 {
            return Err(Refusal::OffsetOutsideMask);
        }
        // The offset is a multiple of the mask's lowest bit, and so this has no remainder.
        let room = mask.wrapping_sub(v0.hoffset).wrapping_shr(shift);
        match v0.hmodulus.wrapping_sub(1) > room {
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
    fn light(&self) -> Option<&Masked> {
        (!self.has(flag::NEW & !flag::MASK)).then_some(&self.masked)
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
        let from = match self.from {
            0 => marks,
            from => from,
        };
        redraw::bucket(hash, from, marks, &self.less)
    }

    #[inline(always)]
    fn merge(&self, old: u32, bucket: u32) -> u32 {
        self.masked.merge(old, bucket)
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
    fn light(&self) -> Option<&Self> {
        Some(self)
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
                let bits = bucket
                    .wrapping_shl(mask.trailing_zeros())
                    .wrapping_add(self.v0.hoffset);
                // As (old & !mask) | (bits & mask), with one operation less.
                old ^ ((old ^ bits) & mask)
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
