// SPDX-License-Identifier: GPL-2.0-only

//! HMARK's core as an object for kernels that take no Rust modules: `hmark/`, and the functions by
//! which `glue.c` calls it. `glue.h` declares the same.

#![no_std]
#![deny(
    clippy::missing_safety_doc,
    clippy::undocumented_unsafe_blocks,
    unsafe_op_in_unsafe_fn
)]

// This is a crate of its own in user space: not all of it is used here.
mod conntrack;
#[allow(dead_code, unreachable_pub, unused_imports)]
#[path = "../hmark/src/lib.rs"]
mod hmark;
mod packet;

use core::ffi::{c_int, c_uint, c_void};

use hmark::rule::{v0, v1, Rule};
use hmark::Family;
use packet::{SkBuff, Skb};

/// The verdict of a target that lets the packet go on: `XT_CONTINUE`.
const XT_CONTINUE: c_uint = c_uint::MAX;

macro_rules! targets {
    ($($name:ident: $family:ident $revision:ident,)*) => {$(
        /// Sets the mark of a packet by a rule, and returns the verdict.
        ///
        /// # Safety
        ///
        /// As [`SkBuff::new`]; `rule` must be one that was checked, and valid during the call.
        #[no_mangle]
        pub unsafe extern "C" fn $name(
            mark: *mut u32,
            network: *const u8,
            tail: *const u8,
            len: u32,
            skb: *const Skb,
            rule: *const $revision::Info,
        ) -> c_uint {
            // SAFETY: By this function's contract.
            let (skb, rule) = unsafe { (SkBuff::new(mark, network, tail, len, skb), &*rule) };
            hmark::mark_then(Family::$family, &skb, rule, |skb, mark| {
                if let Some(mark) = mark {
                    skb.set_mark(mark);
                }
                XT_CONTINUE
            })
        }
    )*};
}

targets! {
    hmark_ipv4_v0: Ipv4 v0,
    hmark_ipv4_v1: Ipv4 v1,
    hmark_ipv6_v0: Ipv6 v0,
    hmark_ipv6_v1: Ipv6 v1,
}

/// Checks the options of a rule of revision 0.
///
/// The result is the length of the message about the first contradiction, to which `message` is then
/// set; 0 if there is none.
///
/// # Safety
///
/// `rule` must be valid for reads, and `message` for writes.
#[no_mangle]
pub unsafe extern "C" fn hmark_check_v0(rule: *const c_void, message: *mut *const u8) -> c_int {
    // SAFETY: By this function's contract; any bytes are a valid rule.
    unsafe { check(&*rule.cast::<v0::Info>(), message) }
}

/// Checks the options of a rule of revision 1, as [`hmark_check_v0`] does.
///
/// # Safety
///
/// As [`hmark_check_v0`].
#[no_mangle]
pub unsafe extern "C" fn hmark_check_v1(rule: *const c_void, message: *mut *const u8) -> c_int {
    // SAFETY: By this function's contract; any bytes are a valid rule.
    unsafe { check(&*rule.cast::<v1::Info>(), message) }
}

/// # Safety
///
/// `message` must be valid for writes.
unsafe fn check<R: Rule>(rule: &R, message: *mut *const u8) -> c_int {
    let Err(refusal) = rule.check() else {
        return 0;
    };
    let text = refusal.message();
    // SAFETY: By this function's contract.
    unsafe { message.write(text.as_ptr()) };
    // No message is longer than a line.
    text.len() as c_int
}
