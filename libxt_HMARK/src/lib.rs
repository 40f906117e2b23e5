// SPDX-License-Identifier: GPL-2.0-only

//! `libxt_HMARK.so`: the extension that iptables loads for `-j HMARK`.
//!
//! [`extension`] connects `hmark-text` with [`ffi`], which has everything about libxtables and C, and
//! all `unsafe` code.

#![cfg_attr(not(test), no_std)]
// libxtables looks for `libxt_<target>.so`.
#![allow(non_snake_case)]

mod extension;
mod ffi;
