// SPDX-License-Identifier: GPL-2.0-only

//! The inputs that a fuzzer gives to `hmark`, and the properties that must hold: see [`check`] and [`check_v1`],
//! and for files [`check_capture`], [`check_flows`], [`check_ruleset`] and [`check_routing`].

#![forbid(unsafe_code)]

mod files;
mod hosts;
mod input;
mod input_v1;
mod pieces;
mod properties;
mod properties_v1;
mod wire;

pub use files::{check_capture, check_flows};
pub use hosts::{check_routing, check_ruleset};
pub use naive::Found;
pub use properties::check;
pub use properties_v1::{check_v1, Checked};
