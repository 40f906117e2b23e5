// SPDX-License-Identifier: GPL-2.0-only

//! The two families of addresses, for each of which libxtables has a target of its own.

use super::bindings::NFPROTO_IPV6;

/// Whose rules: iptables' or ip6tables'.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Addresses of 32 bits.
    Ipv4,
    /// Addresses of 128 bits.
    Ipv6,
}

impl Family {
    /// The family that netfilter has this number for.
    pub const fn of(nfproto: u32) -> Self {
        match nfproto {
            NFPROTO_IPV6 => Self::Ipv6,
            _ => Self::Ipv4,
        }
    }

    /// Length of an address in bits.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Ipv4 => 32,
            Self::Ipv6 => 128,
        }
    }
}
