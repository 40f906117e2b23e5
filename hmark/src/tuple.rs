// SPDX-License-Identifier: GPL-2.0-only

//! The tuple: what of a packet is hashed, and its mark.

use super::{hash, Rule};

/// Addresses, ports and protocol, as the rule masks them; host byte order.
///
/// The default, all zero, is the tuple of a packet that has nothing to hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tuple {
    /// IPv4 source address, or IPv6 source address folded to 32 bits.
    pub(super) src: u32,
    /// IPv4 destination address, or IPv6 destination address folded to 32 bits.
    pub(super) dst: u32,
    /// The greater port in the high half, the lesser in the low one; 0 where there are none.
    pub(super) ports: u32,
    /// Layer 4 protocol; 0 where it is not hashed.
    pub(super) protocol: u8,
}

impl Tuple {
    /// The tuple's mark: offset to offset + modulus - 1, wrapping at 2^32.
    #[inline(always)]
    pub(super) fn mark(&self, rule: &Rule) -> u32 {
        // Sorted, so that both directions of a flow have one hash; the ports are by now.
        let (low, high) = match self.src < self.dst {
            true => (self.src, self.dst),
            false => (self.dst, self.src),
        };
        let hash = hash::jhash([low, high, self.ports], rule.hashrnd)
            ^ u32::from(u16::from(self.protocol) & rule.proto_mask);
        hash::bucket(hash, rule.hmodulus).wrapping_add(rule.hoffset)
    }
}

/// The word at `at` of a header; network byte order.
#[inline(always)]
pub(super) fn word<const N: usize>(header: &[u8; N], at: usize) -> u32 {
    u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
}

/// Masks an IPv4 address, both in network byte order; the result is in host byte order.
#[inline(always)]
pub(super) fn fold_ipv4(address: u32, mask: &[u32; 4]) -> u32 {
    u32::from_be(address & mask[0])
}

/// Masks an IPv6 address and folds it to 32 bits; network byte order in, host byte order out.
#[inline(always)]
pub(super) fn fold_ipv6(address: &[u32; 4], mask: &[u32; 4]) -> u32 {
    // Two words at a time.
    let pairs = |[a, b, c, d]: [u32; 4]| {
        let pair = |low: u32, high: u32| u64::from(low) | (u64::from(high) << 32);
        [pair(a, b), pair(c, d)]
    };
    let (address, mask) = (pairs(*address), pairs(*mask));
    let folded = (address[0] & mask[0]) ^ (address[1] & mask[1]);
    u32::from_be(folded as u32 ^ (folded >> 32) as u32)
}
