// SPDX-License-Identifier: GPL-2.0-only

//! Protocol numbers: of layer 4, and of IPv6 extension headers.
//!
//! C headers: `include/uapi/linux/in.h`, `in6.h`, `include/net/ipv6.h`
#![allow(missing_docs)] // their names say it all

use super::hmark::Family;

pub const HOP_BY_HOP: u8 = 0;
pub const ICMP: u8 = 1;
pub const IPV4: u8 = 4;
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
pub const DCCP: u8 = 33;
pub const IPV6: u8 = 41;
pub const ROUTING: u8 = 43;
pub const FRAGMENT: u8 = 44;
pub const GRE: u8 = 47;
pub const ESP: u8 = 50;
pub const AH: u8 = 51;
pub const ICMPV6: u8 = 58;
pub const NONE: u8 = 59;
pub const DESTINATION: u8 = 60;
pub const SCTP: u8 = 132;
pub const UDPLITE: u8 = 136;

/// The family's ICMP.
pub const fn icmp(family: Family) -> u8 {
    match family {
        Family::Ipv4 => ICMP,
        Family::Ipv6 => ICMPV6,
    }
}
