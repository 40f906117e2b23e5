// SPDX-License-Identifier: GPL-2.0-only

//! A safe layer over libxtables, for an [`Extension`] of iptables.
//!
//! [`register!`] tells libxtables of the [`callbacks`], which adapt an extension's functions to C, and
//! [`output`] prints their text. Nothing here knows an option or a sentence of HMARK, and only
//! [`bindings`] knows its rules, whose layout it compares with C's.
//!
//! C header: `xtables.h`, as installed; `build.rs` binds it.

mod bindings;
mod callbacks;
mod extension;
mod output;
#[cfg(not(test))]
mod panic;
pub mod registration;
mod version;

pub use extension::{Extension, Revision};
pub(crate) use registration::register;
