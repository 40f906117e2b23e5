// SPDX-License-Identifier: GPL-2.0-only

//! The bindings that bindgen makes from `bindings.h`, and the rules whose layout they confirm.

#![allow(
    dead_code,
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    unsafe_op_in_unsafe_fn,
    clippy::all,
    clippy::undocumented_unsafe_blocks
)]

use hmark::rule::v0::{flag, Info};

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));

/// A rule of some revision, in the kernel's layout.
///
/// # Safety
///
/// Any bytes must be a valid value, and the kernel's structure for the revision must be laid out
/// alike.
pub unsafe trait Layout: Sized {
    /// The number of bytes that a rule takes after the header of its target.
    const SIZE: usize = size_of::<Self>().next_multiple_of(align_of::<_xt_align>());
}

// SAFETY: all fields are numbers; that the layout is C's is asserted below.
unsafe impl Layout for Info {}

hmark::assert_layout_v0!(Info, xt_hmark_info);

/// Asserts that each flag is the bit that the ABI header numbers, and that none is left out.
macro_rules! assert_flags {
    ($($flag:ident = $bit:ident),+) => {
        const _: () = {
            $(assert!(flag::$flag == 1 << $bit);)+
            assert!(flag::ALL == $(flag::$flag |)+ 0);
        };
    };
}
assert_flags!(
    SADDR_MASK = XT_HMARK_SADDR_MASK,
    DADDR_MASK = XT_HMARK_DADDR_MASK,
    SPI = XT_HMARK_SPI,
    SPI_MASK = XT_HMARK_SPI_MASK,
    SPORT = XT_HMARK_SPORT,
    DPORT = XT_HMARK_DPORT,
    SPORT_MASK = XT_HMARK_SPORT_MASK,
    DPORT_MASK = XT_HMARK_DPORT_MASK,
    PROTO_MASK = XT_HMARK_PROTO_MASK,
    RND = XT_HMARK_RND,
    MODULUS = XT_HMARK_MODULUS,
    OFFSET = XT_HMARK_OFFSET,
    CT = XT_HMARK_CT,
    METHOD_L3 = XT_HMARK_METHOD_L3,
    METHOD_L3_4 = XT_HMARK_METHOD_L3_4
);
