// SPDX-License-Identifier: GPL-2.0-only

//! The layout of a rule, checked against `struct xt_hmark_info` in the kernel's own header.
//!
//! C header: [`include/uapi/linux/netfilter/xt_HMARK.h`](srctree/include/uapi/linux/netfilter/xt_HMARK.h)

use core::mem::{align_of, offset_of, size_of};

use kernel::transmute::FromBytes;

use crate::bindings::xt_hmark_info;
use crate::hmark::rule::v0::Info;

// SAFETY: An `Info` consists of plain numbers, so that any bytes are a valid one.
unsafe impl FromBytes for Info {}

/// Asserts that the kernel that the module is built for lays a rule out as `hmark` does, field by
/// field; a field left out is an error.
macro_rules! assert_fields {
    ($($field:ident),+) => {
        const _: fn(Info) = |Info { $($field: _),+ }| ();
        const _: () = {
            assert!(size_of::<Info>() == size_of::<xt_hmark_info>());
            assert!(align_of::<Info>() == align_of::<xt_hmark_info>());
            $(assert!(offset_of!(Info, $field) == offset_of!(xt_hmark_info, $field));)+
        };
    };
}
assert_fields!(
    src_mask, dst_mask, port_mask, port_set, flags, proto_mask, hashrnd, hmodulus, hoffset
);
