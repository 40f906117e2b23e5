// SPDX-License-Identifier: GPL-2.0-only

//! Weights of marks, changed on this host while packets flow: in the HMARK rules of both families, or, where
//! HMARK has no revision 1, by routes that lead around a mark's gateway.
//!
//! [`Saved`] is what the host has, [`Rewrite`] the input of iptables-restore that changes it, and
//! [`detour::Detour`] the routes. [`restore`] writes a rewrite to the kernel, both families or neither.

mod choice;
pub mod detour;
pub mod restore;
mod rewrite;
mod saved;

pub use choice::{choose, has_marks, Asked, Chosen};
pub use rewrite::Rewrite;
pub use saved::Saved;
