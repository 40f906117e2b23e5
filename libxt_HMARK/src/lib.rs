// SPDX-License-Identifier: GPL-2.0-only

//! `libxt_HMARK.so`: what iptables loads for `-j HMARK`.
//!
//! libxtables hands each option to [`parse`] and the finished rule to [`check`]; a rule read back
//! from the kernel goes to [`print`](mod@print) for `-L`, and to [`save`] for `-S` and
//! iptables-save. What iptables-translate has nft do instead is up to [`translate`].
//! All of libxtables, C and `unsafe` is behind [`ffi`].

#![cfg_attr(not(test), no_std)]
// libxtables looks for `libxt_<target>.so`.
#![allow(non_snake_case)]

mod check;
mod ffi;
mod help;
mod line;
mod numbers;
mod options;
mod parse;
mod print;
mod save;
mod translate;
mod tuple;
mod version;
