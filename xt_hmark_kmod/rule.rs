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

// The kernel that the module is built for must lay a rule out as `hmark` does.
const _: () = {
    assert!(size_of::<Info>() == size_of::<xt_hmark_info>());
    assert!(align_of::<Info>() == align_of::<xt_hmark_info>());
    assert!(offset_of!(Info, src_mask) == offset_of!(xt_hmark_info, src_mask));
    assert!(offset_of!(Info, dst_mask) == offset_of!(xt_hmark_info, dst_mask));
    assert!(offset_of!(Info, port_mask) == offset_of!(xt_hmark_info, port_mask));
    assert!(offset_of!(Info, port_set) == offset_of!(xt_hmark_info, port_set));
    assert!(offset_of!(Info, flags) == offset_of!(xt_hmark_info, flags));
    assert!(offset_of!(Info, proto_mask) == offset_of!(xt_hmark_info, proto_mask));
    assert!(offset_of!(Info, hashrnd) == offset_of!(xt_hmark_info, hashrnd));
    assert!(offset_of!(Info, hmodulus) == offset_of!(xt_hmark_info, hmodulus));
    assert!(offset_of!(Info, hoffset) == offset_of!(xt_hmark_info, hoffset));
};
