// SPDX-License-Identifier: GPL-2.0-only

//! The interface between a target and iptables.

use core::ffi::CStr;

use hmark::Family;
use hmark_text::{Declined, Line, Text};

use super::bindings::Layout;

/// A revision of a target, as the kernel knows it.
#[derive(Clone, Copy)]
pub struct Revision {
    /// Its number.
    pub number: u8,
    /// The number of bytes of a rule's structure.
    pub(super) len: usize,
    /// The number of bytes that a rule takes after the header of its target.
    pub(super) size: usize,
}

impl Revision {
    /// A revision whose rules have a layout.
    pub const fn of<L: Layout>(number: u8) -> Self {
        Self {
            number,
            len: size_of::<L>(),
            size: L::SIZE,
        }
    }
}

/// A target of two revisions, for both families. [`register!`](super::register) has iptables use it.
pub trait Extension {
    /// The target's name, as after `-j`.
    const NAME: &'static CStr;
    /// The older revision, which every kernel with the target has.
    const OLD: Revision;
    /// The newer revision. Its rules begin with one of the older revision, and they mean the same as that
    /// if all that follows is zero.
    const NEW: Revision;
    /// The number of names that its options have.
    const NAMES: usize;
    /// The options that libxtables itself refuses if they are given twice, as bits of their numbers.
    /// [`Self::parse`] is responsible for the others.
    const ONCE: u32;

    /// A rule of the newer revision, in the kernel's layout.
    type Rule: Layout;
    /// The reason why an option or a rule is refused. `'v` is the lifetime of the option's value.
    type Error<'v>: Text;
    /// A doubt about a rule that is accepted.
    type Warning: Text;

    /// Calls `give` with each name of an option, the option's number, which is below 32, and whether it has
    /// a value.
    fn names(give: impl FnMut(&'static CStr, u32, bool));

    /// Calls `show` with each line of the help.
    fn help(show: &mut dyn FnMut(&Line));

    /// Reads the value of an option into the rule, which is all zeros at first.
    ///
    /// libxtables compares rules byte for byte, padding included: it must be left as it is.
    ///
    /// # Errors
    ///
    /// If the value is not valid for the option. iptables prints the error and ends.
    fn parse<'v>(
        rule: &mut Self::Rule,
        option: u32,
        value: &'v [u8],
        family: Family,
    ) -> Result<(), Self::Error<'v>>;

    /// Completes the rule once all options are read, likewise.
    ///
    /// # Errors
    ///
    /// If the rule as a whole is wrong. iptables prints the error and ends.
    fn check(
        rule: &mut Self::Rule,
        family: Family,
    ) -> Result<Option<Self::Warning>, Self::Error<'static>>;

    /// The error of a rule that is not one of the older revision, if it is not, in a kernel that has no
    /// other.
    fn too_new(rule: &Self::Rule) -> Option<Self::Error<'static>>;

    /// Writes the rule as `iptables -L` shows it.
    fn list(rule: &Self::Rule, family: Family, line: &mut Line);

    /// Writes the options that make the rule again.
    fn save(rule: &Self::Rule, family: Family, line: &mut Line);

    /// Writes the statement of nft that replaces the rule, for packets of this protocol; [`None`] is
    /// for any.
    ///
    /// # Errors
    ///
    /// If nft has no counterpart. Nothing is then written.
    fn translate(
        rule: &Self::Rule,
        family: Family,
        protocol: Option<u8>,
        nft: &mut Line,
    ) -> Result<Option<Self::Warning>, Declined>;
}
