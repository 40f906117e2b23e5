// SPDX-License-Identifier: GPL-2.0-only

//! The two variants of iptables: one for ip_tables, one for nf_tables.

use std::fmt;

use testbed::family::{Commands, Family};

/// The kernel interface that iptables uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// ip_tables and ip6_tables.
    Legacy,
    /// nf_tables, HMARK through nft_compat: what `iptables` is on Debian.
    Nft,
}

impl Backend {
    /// Both backends.
    pub const ALL: [Self; 2] = [Self::Legacy, Self::Nft];

    /// The name of a program, such as `ip6tables-nft-save` for the suffix `-save`.
    pub fn program(self, family: Family, suffix: &str) -> String {
        format!("{}-{self}{suffix}", family.iptables())
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Legacy => "legacy",
            Self::Nft => "nft",
        })
    }
}
