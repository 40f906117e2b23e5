// SPDX-License-Identifier: GPL-2.0-only

//! What a fuzzer gives to `hmark`, and what must hold then: see [`check`].

#![forbid(unsafe_code)]

mod input;
mod naive;
mod pieces;
mod properties;

pub use naive::Found;
pub use properties::check;
