// SPDX-License-Identifier: GPL-2.0-only

//! The HMARK target: its revisions, each for both families.

use core::ffi::CStr;

use hmark::rule::v0;
use hmark::rule::v1::Info;
use hmark::Family;
use hmark_text::{Declined, Error, Kind, Line, Warning, OPTIONS};

use crate::ffi::{self, Extension, Revision};

ffi::register! {
    extension: Hmark,
    wrong_version: hmark_text::WRONG_VERSION,
}

/// The target.
struct Hmark;

impl Extension for Hmark {
    const NAME: &'static CStr = c"HMARK";
    const OLD: Revision = Revision::of::<v0::Info>(0);
    const NEW: Revision = Revision::of::<Info>(1);
    const NAMES: usize = names();
    const ONCE: u32 = lists();

    type Rule = Info;
    type Error<'v> = Error<'v>;
    type Warning = Warning;

    fn names(mut give: impl FnMut(&'static CStr, u32, bool)) {
        for (number, option) in (0..).zip(&OPTIONS) {
            // An alias is a name of the same number.
            let has_value = option.kind.has_value();
            option
                .names()
                .for_each(|name| give(name, number, has_value));
        }
    }

    fn help(show: &mut dyn FnMut(&Line)) {
        hmark_text::help(show);
    }

    fn parse<'v>(
        rule: &mut Info,
        option: u32,
        value: &'v [u8],
        family: Family,
    ) -> Result<(), Error<'v>> {
        match OPTIONS.get(option as usize) {
            Some(option) => hmark_text::set(rule, option, value, family),
            // libxtables knows no other options.
            None => Ok(()),
        }
    }

    fn check(rule: &mut Info, family: Family) -> Result<Option<Warning>, Error<'static>> {
        hmark_text::complete(rule, family)
    }

    fn too_new(rule: &Info) -> Option<Error<'static>> {
        hmark_text::needs(rule, Self::OLD.number).map(Error::Revision)
    }

    fn list(rule: &Info, family: Family, line: &mut Line) {
        hmark_text::list(rule, family, line);
    }

    fn save(rule: &Info, family: Family, line: &mut Line) {
        hmark_text::save(rule, family, line);
    }

    fn translate(
        rule: &Info,
        family: Family,
        protocol: Option<u8>,
        nft: &mut Line,
    ) -> Result<Option<Warning>, Declined> {
        hmark_text::translate(rule, family, protocol, nft)
    }
}

/// The number of names that the options have.
const fn names() -> usize {
    let mut names = OPTIONS.len();
    let mut number = 0;
    while number < OPTIONS.len() {
        names += OPTIONS[number].alias.is_some() as usize;
        number += 1;
    }
    names
}

/// The options whose values are lists, as bits. A rule does not say that it was given a list.
const fn lists() -> u32 {
    let mut bits = 0;
    let mut number = 0;
    while number < OPTIONS.len() {
        if let Kind::Selectors = OPTIONS[number].kind {
            bits |= 1 << number;
        }
        number += 1;
    }
    bits
}
