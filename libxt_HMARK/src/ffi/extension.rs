// SPDX-License-Identifier: GPL-2.0-only

//! What a revision of a target is to iptables.

use core::ffi::CStr;

use hmark::Family;
use hmark_text::{Line, Text};

use super::bindings::Layout;

/// A revision of a target, for both families. [`register!`](super::register) has iptables use it.
pub trait Extension {
    /// The target's name, as after `-j`.
    const NAME: &'static CStr;
    /// The number of the revision, by which the kernel knows the layout of its rules.
    const REVISION: u8;
    /// How many names its options have.
    const NAMES: usize;
    /// The options that libxtables refuses to be given twice: bits, by their numbers. For any
    /// other, [`Self::parse`] has to tell by the rule.
    const ONCE: u32;

    /// A rule, as the kernel has it.
    type Rule: Layout;
    /// Why an option or a rule is refused. `'v` is the life of the option's value.
    type Error<'v>: Text;
    /// Doubts about a rule that is accepted.
    type Warning: Text;

    /// Gives the names of its options, each with the number of its option, which is below 32.
    fn names(give: impl FnMut(&'static CStr, u32));

    /// Has each line of the help shown.
    fn help(show: &mut dyn FnMut(&Line));

    /// Reads the value of an option into the rule, which is all zeros at first.
    ///
    /// libxtables compares rules byte for byte, padding included: it must be left as it is.
    ///
    /// # Errors
    ///
    /// If the value is not one of the option's. iptables ends with what it says.
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
    /// If the rule as a whole is wrong. iptables ends with what it says.
    fn check(
        rule: &mut Self::Rule,
        family: Family,
    ) -> Result<Option<Self::Warning>, Self::Error<'static>>;

    /// Writes the rule as `iptables -L` shows it.
    fn list(rule: &Self::Rule, family: Family, line: &mut Line);

    /// Writes the options that make the rule again.
    fn save(rule: &Self::Rule, family: Family, line: &mut Line);

    /// Writes what nft has in the rule's place, for packets of this protocol; [`None`] is for any.
    /// Writes nothing, and gives false, if nft has nothing that corresponds.
    fn translate(rule: &Self::Rule, family: Family, protocol: Option<u8>, nft: &mut Line) -> bool;
}
