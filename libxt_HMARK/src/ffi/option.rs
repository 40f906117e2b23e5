// SPDX-License-Identifier: GPL-2.0-only

//! The table of options, as libxtables reads it, and an option that it found on the command line.

use core::ffi::{c_int, CStr};
use core::mem::MaybeUninit;
use core::ops::RangeInclusive;
use core::ptr::{null, null_mut};

use hmark::rule::Rule;

use super::bindings::*;
use super::Family;
use crate::options::TUPLE;

/// One option: its name, its number, and how libxtables reads its value.
pub struct Entry(xt_option_entry);

impl Entry {
    /// Ends a table.
    pub const END: Self = {
        // SAFETY: the members are numbers and a pointer, which may be zero. How many there are
        // depends on the version of libxtables.
        Self(unsafe { MaybeUninit::zeroed().assume_init() })
    };

    /// Text. The number of an option is that of the one bit that is set in `flag`.
    pub const fn text(name: &'static CStr, flag: u32) -> Self {
        Self::new(name, flag, XTTYPE_STRING)
    }

    /// A prefix length or netmask.
    pub const fn prefix(name: &'static CStr, flag: u32) -> Self {
        Self::new(name, flag, XTTYPE_PLENMASK)
    }

    /// A number of 16 bits.
    pub const fn u16(name: &'static CStr, flag: u32) -> Self {
        Self::new(name, flag, XTTYPE_UINT16)
    }

    /// A number of 32 bits.
    pub const fn u32(name: &'static CStr, flag: u32) -> Self {
        Self::new(name, flag, XTTYPE_UINT32)
    }

    /// Sets the lowest number that is taken.
    pub const fn at_least(self, min: u32) -> Self {
        let Self(mut entry) = self;
        entry.min = min;
        Self(entry)
    }

    // Without XTOPT_PUT: libxtables would store numbers in network byte order only from 1.8.11 on,
    // and the one soname says nothing of which it is.
    const fn new(name: &'static CStr, flag: u32, type_: xt_option_type) -> Self {
        assert!(flag.is_power_of_two());
        let Self(end) = Self::END;
        Self(xt_option_entry {
            name: name.as_ptr(),
            type_,
            id: flag.trailing_zeros(),
            ..end
        })
    }
}

/// A table of options, in the form that libxtables reads.
#[repr(transparent)]
pub struct OptionTable<const N: usize>([Entry; N]);

impl<const N: usize> OptionTable<N> {
    /// The last entry must be [`Entry::END`].
    pub const fn new(entries: [Entry; N]) -> Self {
        assert!(entries[N - 1].0.name.is_null(), "the table has no end");
        Self(entries)
    }
}

// SAFETY: the table is never written, and its pointers are to names that live for ever.
unsafe impl<const N: usize> Sync for OptionTable<N> {}

/// An option that was found on the command line, and the rule that it goes into.
///
/// # Invariants
///
/// `call` is as libxtables passes it to `x6_parse`: its `entry` is of our table, its `arg` null or
/// a string, and its `data` a [`Rule`] that nothing else uses meanwhile.
pub struct OptionCall<'a> {
    pub(super) call: &'a mut xt_option_call,
    pub(super) family: Family,
}

/// What would have been right as the value of an option.
pub enum Wanted {
    /// A list of selectors.
    Selectors,
    /// A prefix length or a netmask.
    Prefix,
    /// A number in this range.
    Number(RangeInclusive<u32>),
    /// None: the option was given before.
    Nothing,
}

impl OptionCall<'_> {
    fn entry(&self) -> &xt_option_entry {
        // SAFETY: by the invariants.
        unsafe { &*self.call.entry }
    }

    /// The flag that the option goes by in the table.
    pub fn flag(&self) -> u32 {
        1 << self.entry().id
    }

    /// Whose rule it is.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The numbers that the table has the option take.
    pub fn range(&self) -> RangeInclusive<u32> {
        let max = match self.entry().type_ {
            XTTYPE_UINT16 => u32::from(u16::MAX),
            _ => u32::MAX,
        };
        self.entry().min..=max
    }

    /// The value, as given.
    pub fn argument(&self) -> &CStr {
        if self.call.arg.is_null() {
            return c"";
        }
        // SAFETY: by the invariants.
        unsafe { CStr::from_ptr(self.call.arg) }
    }

    /// The value as libxtables reads a number, if it is one in `range`.
    pub fn number(&self, range: &RangeInclusive<u32>) -> Option<u32> {
        let mut number = 0;
        // SAFETY: the argument is a string, a null `end` asks for no rest, and `number` is written.
        let valid = unsafe {
            xtables_strtoui(
                self.argument().as_ptr(),
                null_mut(),
                &mut number,
                *range.start(),
                *range.end(),
            )
        };
        valid.then_some(number)
    }

    /// Whether libxtables reads the value as an address, and so as a netmask.
    pub fn is_address(&self) -> bool {
        // SAFETY: all zero means no hints.
        let mut hints: libc::addrinfo = unsafe { MaybeUninit::zeroed().assume_init() };
        hints.ai_flags = libc::AI_NUMERICHOST;
        hints.ai_family = match self.family {
            Family::Ipv4 => libc::AF_INET,
            Family::Ipv6 => libc::AF_INET6,
        };
        let mut found = null_mut();
        let argument = self.argument().as_ptr();
        // SAFETY: the argument is a string, and `hints` and `found` live through the call.
        if unsafe { libc::getaddrinfo(argument, null(), &hints, &mut found) } != 0 {
            return false;
        }
        // SAFETY: `getaddrinfo` succeeded, and what it found is not used.
        unsafe { libc::freeaddrinfo(found) };
        true
    }

    /// Has libxtables read the value and mark the option as given. A value that it refuses, an
    /// option given twice, and a `!` before it end iptables.
    pub fn read(&mut self) {
        self.call.xflags |= self.rule().flags;
        // SAFETY: the call is libxtables' own.
        unsafe { xtables_option_parse(self.call) }
        // The rule's flags say what is given, but for the tuple. libxtables would compare each of
        // these options with all others when the rule is complete: a fifth of iptables-restore's
        // time, for conditions that our table does not use.
        self.call.xflags &= TUPLE;
    }

    /// The netmask last read, in network byte order, and whether it has a prefix length. If it has
    /// none, the words beyond an address of the family are undefined.
    pub fn netmask(&self) -> ([u32; 4], bool) {
        // SAFETY: these are the members that are set for an [`Entry::prefix`], and any bytes are a
        // valid value.
        let (mask, length) = unsafe {
            let value = &self.call.val.__bindgen_anon_1;
            (value.hmask.all, u32::from(value.hlen))
        };
        (mask, length <= self.family.bits())
    }

    /// Whether one of `flags` was given before, by its option or in the tuple.
    pub fn gave(&self, flags: u32) -> bool {
        // SAFETY: by the invariants.
        let rule: &Rule = unsafe { &*self.call.data.cast() };
        rule.flags & flags != 0
    }

    /// The rule, as far as it is filled in.
    pub fn rule(&mut self) -> &mut Rule {
        // SAFETY: by the invariants.
        unsafe { &mut *self.call.data.cast() }
    }

    /// Ends iptables for `value`, which is or is part of the option's.
    pub fn refuse(&self, value: &[u8], wanted: Wanted) -> ! {
        const TEXT: &CStr = c"HMARK: bad value \"%.*s\" for option \"--%s\": %s";
        const RANGE: &CStr =
            c"HMARK: bad value \"%.*s\" for option \"--%s\": give a %s from %u to %u";
        let (format, right, range) = match wanted {
            Wanted::Selectors => (
                TEXT,
                c"give src, dst, sport, dport, spi, proto or ct, separated by commas alone",
                0..=0,
            ),
            Wanted::Prefix => (RANGE, c"netmask or prefix length", 0..=self.family.bits()),
            Wanted::Number(range) => (RANGE, c"number", range),
            Wanted::Nothing => (TEXT, c"given before, by itself or in --hmark-tuple", 0..=0),
        };
        // No control characters to the terminal, and no page of them.
        let mut shown = [0; 64];
        let length = value.len().min(shown.len());
        for (to, &from) in shown.iter_mut().zip(value) {
            *to = if from.is_ascii_graphic() || from == b' ' {
                from
            } else {
                b'?'
            };
        }
        // SAFETY: libxtables sets its parameters before it loads an extension; each format takes
        // these arguments or the first of them, and `length` bytes of `shown` are initialised.
        unsafe {
            if let Some(exit_err) = (*xt_params).exit_err {
                exit_err(
                    PARAMETER_PROBLEM,
                    format.as_ptr(),
                    length as c_int,
                    shown.as_ptr(),
                    self.entry().name,
                    right.as_ptr(),
                    *range.start(),
                    *range.end(),
                );
            }
            libc::abort()
        }
    }
}
