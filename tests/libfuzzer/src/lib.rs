// SPDX-License-Identifier: GPL-2.0-only

//! The inputs that a fuzzer gives to `hmark`, and the properties that must hold: see [`check`] and [`check_v1`].

#![forbid(unsafe_code)]

mod input;
mod input_v1;
mod pieces;
mod properties;
mod properties_v1;
mod wire;

pub use naive::Found;
pub use properties::check;
pub use properties_v1::{check_v1, Checked};
