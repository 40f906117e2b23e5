// SPDX-License-Identifier: GPL-2.0-only

//! The inputs that a fuzzer gives to `hmark`, and the properties that must hold: see [`check`].

#![forbid(unsafe_code)]

mod input;
mod pieces;
mod properties;
mod wire;

pub use naive::Found;
pub use properties::check;
