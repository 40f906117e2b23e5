// SPDX-License-Identifier: GPL-2.0-only

//! The layout of a rule, checked against `struct xt_hmark_info` in the kernel's own header.
//!
//! C header: [`include/uapi/linux/netfilter/xt_HMARK.h`](srctree/include/uapi/linux/netfilter/xt_HMARK.h)

use kernel::transmute::FromBytes;

use crate::bindings::xt_hmark_info;
use crate::hmark::rule::v0::Info;

// SAFETY: An `Info` consists of plain numbers, so that any bytes are a valid one.
unsafe impl FromBytes for Info {}

// The kernel that the module is built for must lay a rule out as `hmark` does.
crate::assert_layout_v0!(Info, xt_hmark_info);
