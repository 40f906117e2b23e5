// SPDX-License-Identifier: GPL-2.0-only

//! Packets in memory: those of a [`Flow`], the [kinds] that are measured, and [random ones](generate).
//! With them come the rules, conntrack entries and layouts in an sk_buff that they are tried with.
//!
//! Nothing here allocates: the kernel's test modules include this source as a module of their own
//! crates, which must have `hmark` in their roots. As in `hmark`, `MODULE` tells where it is.

#![cfg_attr(not(MODULE), no_std)]
#![forbid(unsafe_code)]

mod bytes;
mod conntrack;
mod flow;
pub mod generate;
pub mod kinds;
mod layout;
mod plain;
pub mod protocol;
mod random;
pub mod wire;

pub use bytes::{Bytes, CAPACITY};
pub use conntrack::{Conntrack, End};
pub use flow::Flow;
pub use layout::{Layout, MAX_HEADROOM};
pub use random::Random;

#[cfg(MODULE)]
use crate::hmark;
#[cfg(not(MODULE))]
extern crate hmark;
