// SPDX-License-Identifier: GPL-2.0-only

//! `hmark`, the operator's tool, as a library: where a flow goes on a host, and why.
//!
//! A [`Flow`](flow::Flow) has a packet, which is marked by the very code of the kernel module
//! ([`hmark`]) under the rules of a host, whose text is read by [`hmark_text`].
//!
//! Nothing here guesses: where an answer depends on something that this crate does not understand, the
//! answer is that it cannot tell, with the reason.

#![forbid(unsafe_code)]

pub mod cannot_tell;
pub mod capture;
pub mod change;
pub mod chi_square;
pub mod conntrack;
pub mod digest;
#[cfg(feature = "cli")]
pub mod drawing;
pub mod findings;
pub mod flow;
pub mod flows;
pub mod host;
pub mod marks;
pub mod net;
#[cfg(feature = "cli")]
pub mod plan;
pub mod predict;
pub mod routing;
pub mod ruleset;
#[cfg(test)]
mod scratch;
mod sha256;
pub mod spread;
pub mod watch;
pub mod way;
pub mod weight;

pub use hmark::Family;
