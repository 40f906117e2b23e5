// SPDX-License-Identifier: GPL-2.0-only

//! HMARK: computes the mark of a packet by a rule.
//!
//! Data flows one way. [`mark()`] either has the [walk](Found) find the headers of a [`Packet`] to
//! hash or takes the [`Connection`] that the packet belongs to. It makes a [`Tuple`] of those
//! addresses, ports and protocol that the [`Rule`](rule::Rule) selects. The rule hashes the tuple,
//! scales the hash to a bucket, and merges the bucket into the mark. [`explain()`] shows each step.
//!
//! The mark depends only on the packet and the rule. It does not depend on the byte order of the
//! machine or, as long as the rule treats source and destination alike, on the packet's direction.
//!
//! The kernel module includes this source as a module of its own crate. That is why the code tests
//! `MODULE`, which Kbuild sets, and why its paths are relative (`super`).

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
