// SPDX-License-Identifier: GPL-2.0-only

//! The text of an HMARK rule: from options such as `--hmark-mod 4 --hmark-offset 100` to the rule,
//! and back.
//!
//! [`OPTIONS`] has a row for each option, from which everything else here follows. A program whose
//! options are already split, by libxtables for example, passes each to [`set()`] and the finished rule
//! to [`complete()`]; [`read()`] does both for a whole text. [`save`] and [`list`] write a rule as
//! iptables-save and `iptables -L` do, [`translate`] as nft reads it, and [`help()`] explains the
//! options. Every sentence that a user may read is in `sentences.rs`.
//!
//! All of it is about rules in the layout of revision 1, which begins with that of revision 0. A rule
//! that [`needs`] no more than revision 0 is one of revision 0.
//!
//! Nothing here allocates, panics or needs C.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod complete;
mod help;
mod key;
mod kind;
mod line;
mod netmask;
mod nft;
mod number;
mod options;
mod read;
mod selectors;
mod sentences;
mod set;
mod show;
mod tunnels;
mod weights;

pub use complete::{complete, needs, SELECTORS};
pub use help::help;
pub use kind::{Field, Kind, Prefix};
pub use line::{Line, Text};
pub use nft::{translate, Declined};
pub use number::Notation;
pub use options::{Group, Row, OPTIONS};
pub use read::{option, read};
pub use sentences::{Error, Warning, WRONG_VERSION};
pub use set::set;
pub use show::{list, save};
