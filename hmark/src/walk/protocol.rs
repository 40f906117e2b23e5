// SPDX-License-Identifier: GPL-2.0-only

//! Layer 4 protocols.
//!
//! C headers: `include/uapi/linux/in.h`, `include/uapi/linux/in6.h`

pub(in super::super) const ICMP: u8 = 1;
pub(in super::super) const IPV4: u8 = 4;
pub(in super::super) const TCP: u8 = 6;
pub(in super::super) const UDP: u8 = 17;
pub(in super::super) const DCCP: u8 = 33;
pub(in super::super) const IPV6: u8 = 41;
pub(in super::super) const GRE: u8 = 47;
pub(in super::super) const ESP: u8 = 50;
pub(in super::super) const AH: u8 = 51;
pub(in super::super) const ICMPV6: u8 = 58;
pub(in super::super) const SCTP: u8 = 132;
pub(in super::super) const UDPLITE: u8 = 136;
