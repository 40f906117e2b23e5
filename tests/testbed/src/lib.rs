// SPDX-License-Identifier: GPL-2.0-only

//! What the suites share: families, sides, namespaces, the installed module and library, rule
//! texts.
//!
//! Most of it runs as root in a guest of the lab: it loads and unloads `xt_HMARK`, and replaces the
//! installed `libxt_HMARK.so`.

pub mod command;
pub mod family;
pub mod install;
pub mod iptables;
pub mod kernel;
pub mod module;
pub mod netns;
pub mod notes;
pub mod once;
pub mod options;
pub mod patience;
pub mod reference;
pub mod side;
pub mod text;
pub mod trial;
