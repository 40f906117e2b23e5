// SPDX-License-Identifier: GPL-2.0-only

//! A second implementation of HMARK, as simple as possible, to compare `hmark` with.
//!
//! It follows the manual page and the RFCs, and shares no code and no types with `hmark`: it works on
//! bytes in wire order, divides where `hmark` shifts, and reads rules by the offsets of the ABI.
//!
//! Nothing here allocates or panics: the kernel's test module includes this source as a module of its
//! own crate. As in `hmark`, `MODULE` tells where it is.

#![cfg_attr(not(MODULE), no_std)]
#![forbid(unsafe_code)]

mod hash;
mod mark;
mod redraw;
mod rule;
mod tunnel;
mod walk;

pub use hash::siphash13;
pub use mark::{find, mark, mark_connection, mark_found, Connection};
pub use redraw::{draw, Drawn, MOST_ADDED, MOST_ROUNDS};
pub use rule::Rule;
pub use walk::{Found, Place};

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// The length of an address in bytes.
    pub fn address_len(self) -> usize {
        match self {
            Self::Ipv4 => 4,
            Self::Ipv6 => 16,
        }
    }
}

/// The `N` bytes of a packet or a rule at `at`, unless it ends before.
fn bytes<const N: usize>(all: &[u8], at: usize) -> Option<[u8; N]> {
    all.get(at..)?.first_chunk().copied()
}
