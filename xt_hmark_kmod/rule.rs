// SPDX-License-Identifier: GPL-2.0-only

//! The layouts of rules, checked against the structures in C.
//!
//! C headers: [`include/uapi/linux/netfilter/xt_HMARK.h`](srctree/include/uapi/linux/netfilter/xt_HMARK.h),
//! which is the kernel's own, and [`xt_HMARK_v1.h`](../include/linux/netfilter/xt_HMARK_v1.h), which is ours

use kernel::transmute::FromBytes;

use crate::bindings::{xt_hmark_info, xt_hmark_info_v1};
use crate::hmark::rule::{v0, v1};

use v0::Info as InfoV0;
use v1::Info as InfoV1;

// SAFETY: It consists of plain numbers, so that any bytes are a valid one.
unsafe impl FromBytes for InfoV0 {}

// SAFETY: As for revision 0.
unsafe impl FromBytes for InfoV1 {}

// The kernel that the module is built for must lay a rule out as `hmark` does.
crate::assert_layout_v0!(InfoV0, xt_hmark_info);
crate::assert_layout_v1!(InfoV1, xt_hmark_info_v1);
