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

use hmark::rule::{inner, v0, v1};

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
unsafe impl Layout for v0::Info {}
// SAFETY: likewise.
unsafe impl Layout for v1::Info {}

const _: () = {
    use v0::Info;
    hmark::assert_layout_v0!(Info, xt_hmark_info);
};
const _: () = {
    use v1::Info;
    hmark::assert_layout_v1!(Info, xt_hmark_info_v1);
    assert!(v1::WEIGHTS == XT_HMARK_WEIGHTS as usize);
};

/// Asserts that each flag is the bit that an ABI header numbers, and that none is left out.
macro_rules! assert_flags {
    ($all:expr, $module:ident, $($flag:ident = $bit:ident),+) => {
        const _: () = {
            $(assert!($module::$flag == 1 << $bit);)+
            assert!($all == $($module::$flag |)+ 0);
        };
    };
}
use v0::flag as old;
assert_flags!(
    old::ALL,
    old,
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
use v1::flag as new;
assert_flags!(
    new::NEW,
    new,
    MASK = XT_HMARK_MASK,
    FROM = XT_HMARK_FROM,
    WEIGHT = XT_HMARK_WEIGHT,
    KEY = XT_HMARK_KEY,
    INNER = XT_HMARK_INNER,
    REVERSE_ERRORS = XT_HMARK_REVERSE_ERRORS
);
assert_flags!(
    inner::ALL,
    inner,
    GTPU = XT_HMARK_INNER_GTPU,
    VXLAN = XT_HMARK_INNER_VXLAN,
    GENEVE = XT_HMARK_INNER_GENEVE,
    GRE = XT_HMARK_INNER_GRE,
    IPIP = XT_HMARK_INNER_IPIP
);
