// SPDX-License-Identifier: GPL-2.0-only

//! Protocol numbers: of layer 4, and of IPv6 extension headers.
//!
//! C headers: `include/uapi/linux/in.h`, `in6.h`, `include/net/ipv6.h`

pub(crate) const HOP_BY_HOP: u8 = 0;
pub(crate) const ICMP: u8 = 1;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ROUTING: u8 = 43;
pub(crate) const FRAGMENT: u8 = 44;
pub(crate) const AH: u8 = 51;
pub(crate) const ICMPV6: u8 = 58;
pub(crate) const NONE: u8 = 59;
pub(crate) const DESTINATION: u8 = 60;
