// SPDX-License-Identifier: GPL-2.0-only

//! The two families, and the commands that iptables has for each.

pub use hmark::Family;

/// The names of a family in commands.
pub trait Commands {
    /// `iptables` or `ip6tables`.
    fn iptables(self) -> &'static str;

    /// `ipv4` or `ipv6`, as conntrack wants it.
    fn name(self) -> &'static str;
}

impl Commands for Family {
    fn iptables(self) -> &'static str {
        match self {
            Self::Ipv4 => "iptables",
            Self::Ipv6 => "ip6tables",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }
}
