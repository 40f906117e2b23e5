// SPDX-License-Identifier: GPL-2.0-only

//! The two implementations that tests compare.

use anyhow::Result;

use crate::install::STOCK_EXTENSIONS;
use crate::module;

/// Whose module, and whose library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The kernel's own C module, and the library that came with iptables.
    Stock,
    /// Ours.
    Ours,
}

impl Side {
    /// Both sides.
    pub const BOTH: [Self; 2] = [Self::Stock, Self::Ours];

    /// The variables to set in the environment of iptables, so that it loads this side's library.
    pub fn variables(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Stock => &[("XTABLES_LIBDIR", STOCK_EXTENSIONS)],
            Self::Ours => &[],
        }
    }

    /// Loads the module, in place of the loaded one.
    ///
    /// # Errors
    /// If a rule uses the loaded module, or this one does not load.
    pub fn load_module(self) -> Result<()> {
        match self {
            Self::Stock => module::load_c(),
            Self::Ours => module::load_ours(),
        }
    }

    /// Checks that the module is the loaded one.
    ///
    /// # Errors
    /// If none is loaded, or the other one.
    pub fn check_module(self) -> Result<()> {
        match self {
            Self::Stock => module::check_c(),
            Self::Ours => module::check_ours(),
        }
    }
}
