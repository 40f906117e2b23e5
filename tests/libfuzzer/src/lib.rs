// SPDX-License-Identifier: GPL-2.0-only

//! The inputs that a fuzzer gives to `hmark`, and the properties that must hold: see [`check`] and [`check_v1`],
//! and for files [`check_capture`] and [`check_flows`].

#![forbid(unsafe_code)]

mod files;
mod input;
mod input_v1;
mod pieces;
mod properties;
mod properties_v1;
mod wire;

pub use files::{check_capture, check_flows};
pub use naive::Found;
pub use properties::check;
pub use properties_v1::{check_v1, Checked};
