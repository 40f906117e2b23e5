// SPDX-License-Identifier: GPL-2.0-only

//! The rule as it crosses from iptables to the kernel: `struct xt_hmark_info`.
//!
//! C header: [`include/uapi/linux/netfilter/xt_HMARK.h`](srctree/include/uapi/linux/netfilter/xt_HMARK.h)

use core::mem::{align_of, offset_of, size_of};

use kernel::transmute::FromBytes;

use crate::bindings::xt_hmark_info;
use crate::hmark::Rule;

// SAFETY: A `Rule` is plain numbers: any bytes are one.
unsafe impl FromBytes for Rule {}

// The header of the very kernel that the module is built for lays the rule out as `hmark` does.
const _: () = {
    assert!(size_of::<Rule>() == size_of::<xt_hmark_info>());
    assert!(align_of::<Rule>() == align_of::<xt_hmark_info>());
    assert!(offset_of!(Rule, src_mask) == offset_of!(xt_hmark_info, src_mask));
    assert!(offset_of!(Rule, dst_mask) == offset_of!(xt_hmark_info, dst_mask));
    assert!(offset_of!(Rule, port_mask) == offset_of!(xt_hmark_info, port_mask));
    assert!(offset_of!(Rule, port_set) == offset_of!(xt_hmark_info, port_set));
    assert!(offset_of!(Rule, flags) == offset_of!(xt_hmark_info, flags));
    assert!(offset_of!(Rule, proto_mask) == offset_of!(xt_hmark_info, proto_mask));
    assert!(offset_of!(Rule, hashrnd) == offset_of!(xt_hmark_info, hashrnd));
    assert!(offset_of!(Rule, hmodulus) == offset_of!(xt_hmark_info, hmodulus));
    assert!(offset_of!(Rule, hoffset) == offset_of!(xt_hmark_info, hoffset));
};
