// SPDX-License-Identifier: GPL-2.0-only

//! libxtables and C stdio: what is called of them, made safe, and what they call.
//!
//! Data goes one way: [`registration`] gives libxtables the [`callbacks`], they call the rest of
//! the extension, and that calls [`option`](mod@option), [`output`] and [`complaint`].
//!
//! C header: `xtables.h`, as installed; `build.rs` binds it.

mod bindings;
mod callbacks;
mod complaint;
mod family;
mod option;
mod output;
#[cfg(not(test))]
mod panic;
mod registration;

pub use complaint::{refuse_rule, warn};
pub use family::Family;
pub use option::{Entry, OptionCall, OptionTable, Wanted};
pub use output::{prefix_length, put, with_address, with_netmask};
