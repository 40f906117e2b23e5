// SPDX-License-Identifier: GPL-2.0-only

//! HMARK: from a packet and a rule to a mark.
//!
//! One way, no going back: a [`Packet`] is walked ([`mark_ipv4`], [`mark_ipv6`]), or a
//! [`Connection`] is taken ([`mark_connection`]), into a tuple of addresses, ports and protocol as
//! the [`Rule`] masks them; the tuple is hashed, and the hash is scaled into the rule's buckets.
//!
//! The mark does not depend on the packet's direction (as long as the rule treats source and
//! destination alike), on the byte order of the machine, or on anything but packet and rule.
//!
//! The kernel module compiles this very source in as a module of its own crate; hence `MODULE`,
//! which Kbuild sets, and hence paths relative to this file.

#![cfg_attr(not(MODULE), no_std)]
#![forbid(unsafe_code)]

mod conntrack;
mod hash;
mod ipv4;
mod ipv6;
mod packet;
mod ports;
pub mod rule;
mod tuple;

pub use conntrack::{mark_connection, Connection};
pub use ipv4::{mark as mark_ipv4, mark_plain as mark_plain_ipv4};
pub use ipv6::{mark as mark_ipv6, mark_plain as mark_plain_ipv6};
pub use packet::Packet;
pub use rule::Rule;
