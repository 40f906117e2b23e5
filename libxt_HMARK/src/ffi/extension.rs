// SPDX-License-Identifier: GPL-2.0-only

//! The interface between a revision of a target and iptables.

use core::ffi::CStr;

use hmark::Family;
use hmark_text::{Declined, Line, Text};

use super::bindings::Layout;

/// A revision of a target, for both families. [`register!`](super::register) has iptables use it.
pub trait Extension {
    /// The target's name, as after `-j`.
    const NAME: &'static CStr;
    /// The number of the revision, by which the kernel knows the layout of its rules.
    const REVISION: u8;
    /// The number of names that its options have.
    const NAMES: usize;
    /// The options that libxtables itself refuses if they are given twice, as bits of their numbers.
    /// [`Self::parse`] is responsible for the others.
    const ONCE: u32;

    /// A rule, in the kernel's layout.
    type Rule: Layout;
    /// The reason why an option or a rule is refused. `'v` is the lifetime of the option's value.
    type Error<'v>: Text;
    /// A doubt about a rule that is accepted.
    type Warning: Text;

    /// Calls `give` with each name of an option and the option's number, which is below 32.
    fn names(give: impl FnMut(&'static CStr, u32));

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
