// SPDX-License-Identifier: GPL-2.0-only

//! HMARK: from a packet and a rule to a mark.
//!
//! Data moves one way. [`mark()`] has the [walk](Found) find the headers of a [`Packet`] that
//! count, or takes the [`Connection`] that it belongs to, and makes a [`Tuple`] of their addresses,
//! ports and protocol as the [`Rule`](rule::Rule) selects them. The rule hashes the tuple, scales
//! the hash to a bucket, and merges the bucket into the mark. [`explain()`] shows each step.
//!
//! The mark does not depend on the packet's direction (as long as the rule treats source and
//! destination alike), on the byte order of the machine, or on anything but packet and rule.
//!
//! The kernel module includes this very source as a module of its own crate; hence `MODULE`, which
//! Kbuild sets, and hence paths relative to this file.

#![cfg_attr(not(MODULE), no_std)]
#![forbid(unsafe_code)]

mod bucket;
mod connection;
#[cfg(not(MODULE))]
mod explain;
mod family;
mod hash;
mod mark;
mod packet;
pub mod rule;
mod tuple;
mod walk;

pub use connection::{Connection, Ends};
#[cfg(not(MODULE))]
pub use explain::{explain, Explanation, Steps, Subject};
pub use family::Family;
pub use mark::{mark, mark_then};
pub use packet::Packet;
pub use tuple::{Address, Tuple};
pub use walk::{Found, Place};
