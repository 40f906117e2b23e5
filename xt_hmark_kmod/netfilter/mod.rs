// SPDX-License-Identifier: GPL-2.0-only

//! Netfilter for targets in Rust: safe abstractions of xtables, `sk_buff` and conntrack.
//!
//! A target implements [`xtables::Target`]. It gets packets as [`skbuff::SkBuff`], and finds their
//! connections with [`conntrack`]. A module that includes this folder must have `bindings` in its
//! crate's root, made from at least the lists in this folder (`bindgen_parameters`,
//! `bindings_helper.h`).

pub(crate) mod conntrack;
pub(crate) mod ratelimit;
pub(crate) mod skbuff;
pub(crate) mod xtables;
