// SPDX-License-Identifier: GPL-2.0-only

//! `libxt_HMARK.so`: the extension that iptables loads for `-j HMARK`.
//!
//! [`extension`] says what it is, by the means of `hmark-text`; all of libxtables, C and `unsafe`
//! is in [`ffi`], below it.

#![cfg_attr(not(test), no_std)]
// libxtables looks for `libxt_<target>.so`.
#![allow(non_snake_case)]

mod extension;
mod ffi;
