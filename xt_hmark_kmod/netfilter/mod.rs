// SPDX-License-Identifier: GPL-2.0-only

//! Netfilter for targets in Rust: safe layers over xtables, `sk_buff` and conntrack.
//!
//! A target implements [`xtables::Target`]. It is handed a [`skbuff::SkBuff`], whose connection
//! [`conntrack`] finds. A module that includes this folder has `bindings` in its crate's root, made
//! of at least the lists that lie here (`bindgen_parameters`, `bindings_helper.h`).

pub(crate) mod conntrack;
pub(crate) mod ratelimit;
pub(crate) mod skbuff;
pub(crate) mod xtables;
