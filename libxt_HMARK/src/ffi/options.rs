// SPDX-License-Identifier: GPL-2.0-only

//! The table of options, as libxtables reads it.

use core::ffi::CStr;
use core::mem::MaybeUninit;

use super::bindings::{xt_option_entry, XTTYPE_STRING};

/// A table of up to `N` - 1 options.
pub struct OptionTable<const N: usize> {
    entries: [xt_option_entry; N],
    len: usize,
}

impl<const N: usize> OptionTable<N> {
    /// An empty table.
    pub const fn new() -> Self {
        // SAFETY: the members are numbers and a pointer, which may be zero. How many there are
        // depends on the version of libxtables.
        let entries = unsafe { MaybeUninit::zeroed().assume_init() };
        Self { entries, len: 0 }
    }

    /// The table with one more option, which has a value. Options of one number are one by several
    /// names. As far as libxtables is concerned, the value is any text.
    ///
    /// # Panics
    ///
    /// If the table is full, or the number is not below 32. A table is made as iptables is built.
    pub const fn with(mut self, name: &'static CStr, number: u32) -> Self {
        assert!(self.len + 1 < N, "no room for the end of the table");
        assert!(number < u32::BITS, "libxtables has numbers below 32");
        let entry = &mut self.entries[self.len];
        entry.name = name.as_ptr();
        entry.type_ = XTTYPE_STRING;
        entry.id = number;
        self.len += 1;
        self
    }

    /// The table as an extension has it.
    pub const fn options(&'static self) -> Options {
        Options(self.entries.as_ptr())
    }
}

// SAFETY: the table is never written, and its pointers are to names that live for ever.
unsafe impl<const N: usize> Sync for OptionTable<N> {}

/// The options of an extension.
///
/// # Invariants
///
/// The entries live for ever, and one that is all zeros ends them.
#[derive(Clone, Copy)]
pub struct Options(pub(super) *const xt_option_entry);
