// SPDX-License-Identifier: GPL-2.0-only

//! The protocol family of a packet, and of the tables whose rules see it.

use core::fmt;

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4: the rules of iptables.
    Ipv4,
    /// IPv6: the rules of ip6tables.
    Ipv6,
}

impl Family {
    /// Both families.
    pub const ALL: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    /// Length of an address in bits.
    pub const fn address_bits(self) -> u32 {
        match self {
            Self::Ipv4 => 32,
            Self::Ipv6 => 128,
        }
    }

    /// Length in bytes of an IP header without options or extension headers.
    ///
    /// The linear part of every packet that the kernel passes to a hook is at least this long.
    pub const fn header_len(self) -> usize {
        match self {
            Self::Ipv4 => 20,
            Self::Ipv6 => 40,
        }
    }

    /// The family that has this number in netfilter: `NFPROTO_*`, `include/uapi/linux/netfilter.h`.
    ///
    /// [`None`] for any other number.
    #[inline(always)]
    pub const fn from_nfproto(nfproto: u16) -> Option<Self> {
        match nfproto {
            2 => Some(Self::Ipv4),
            10 => Some(Self::Ipv6),
            _ => None,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        })
    }
}
