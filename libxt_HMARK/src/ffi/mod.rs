// SPDX-License-Identifier: GPL-2.0-only

//! libxtables: an [`Extension`] of iptables, and what makes one of it.
//!
//! [`register!`] tells libxtables of an extension's functions, which [`callbacks`] adapts to C;
//! [`output`] has what these print. Nothing here knows an option, a rule or a sentence of HMARK, but
//! [`bindings`], which holds the layout of rules against C's.
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

pub use extension::Extension;
pub(crate) use registration::register;
pub use registration::IS_OLD;
