// SPDX-License-Identifier: GPL-2.0-only

//! What the demo and the tests share: namespaces, the installed module and library, rule texts.
//!
//! Most run as root inside a guest of the lab: they load and unload `xt_HMARK`, and replace the
//! installed `libxt_HMARK.so`.

pub mod command;
pub mod family;
pub mod install;
pub mod iptables;
pub mod kernel;
pub mod module;
pub mod netns;
pub mod notes;
pub mod options;
pub mod reference;
pub mod text;
pub mod trial;
