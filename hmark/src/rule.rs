// SPDX-License-Identifier: GPL-2.0-only

//! The rule: `struct xt_hmark_info`, as iptables hands it to the kernel.
//!
//! C header: [`include/linux/netfilter/xt_HMARK.h`](../../include/linux/netfilter/xt_HMARK.h)

use core::mem::{offset_of, size_of};

/// Which selectors a rule was given: bits of [`Rule::flags`].
pub mod flag {
    /// `--hmark-src-prefix`, or `src` in the tuple.
    pub const SADDR_MASK: u32 = 1 << 0;
    /// `--hmark-dst-prefix`, or `dst` in the tuple.
    pub const DADDR_MASK: u32 = 1 << 1;
    /// `--hmark-spi`.
    pub const SPI: u32 = 1 << 2;
    /// `--hmark-spi-mask`, or `spi` in the tuple.
    pub const SPI_MASK: u32 = 1 << 3;
    /// `--hmark-sport`.
    pub const SPORT: u32 = 1 << 4;
    /// `--hmark-dport`.
    pub const DPORT: u32 = 1 << 5;
    /// `--hmark-sport-mask`, or `sport` in the tuple.
    pub const SPORT_MASK: u32 = 1 << 6;
    /// `--hmark-dport-mask`, or `dport` in the tuple.
    pub const DPORT_MASK: u32 = 1 << 7;
    /// `--hmark-proto-mask`, or `proto` in the tuple.
    pub const PROTO_MASK: u32 = 1 << 8;
    /// `--hmark-rnd`.
    pub const RND: u32 = 1 << 9;
    /// `--hmark-mod`.
    pub const MODULUS: u32 = 1 << 10;
    /// `--hmark-offset`.
    pub const OFFSET: u32 = 1 << 11;
    /// `ct` in the tuple: hash the conntrack tuple instead of the packet.
    pub const CT: u32 = 1 << 12;
    /// Hash addresses alone: layer 4 is never read.
    pub const METHOD_L3: u32 = 1 << 13;
    /// Reserved by the ABI; neither iptables nor the kernel reads it.
    pub const METHOD_L3_4: u32 = 1 << 14;
}

/// One HMARK rule: `struct xt_hmark_info`, revision 0, byte for byte.
///
/// Every bit pattern is a valid `Rule`; [`Rule::check`] tells whether it may be installed.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// ANDed with the source address; network byte order. IPv4 uses the first word.
    pub src_mask: [u32; 4],
    /// ANDed with the destination address; network byte order. IPv4 uses the first word.
    pub dst_mask: [u32; 4],
    /// ANDed with the source and destination port, or with the SPI; network byte order.
    pub port_mask: u32,
    /// ORed to the masked ports or SPI; network byte order.
    pub port_set: u32,
    /// Which selectors were given: bits of [`flag`].
    pub flags: u32,
    /// ANDed with the layer 4 protocol; host byte order.
    pub proto_mask: u16,
    /// Seed of the hash; host byte order.
    pub hashrnd: u32,
    /// Number of buckets, 1 to 2^32-1.
    pub hmodulus: u32,
    /// Mark of the first bucket; the sum with the bucket wraps at 2^32.
    pub hoffset: u32,
}

/// The seed of a rule that was given none: the same on every node of a cluster.
pub const DEFAULT_RND: u32 = 0xc175_a3b8;

/// Why a rule may not be installed; the kernel answers `EINVAL` to each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no bucket to choose from.
    NoBuckets,
    /// The protocol is masked, but addresses alone are hashed.
    ProtocolInLayer3,
    /// An SPI mask and a port mask would both be for the same four bytes.
    SpiAndPortMask,
    /// An SPI and a port would both be for the same four bytes.
    SpiAndPort,
}

impl Refusal {
    /// One line for the kernel log: what is wrong with the rule.
    pub const fn message(self) -> &'static str {
        match self {
            Self::NoBuckets => "the number of buckets (hmark-mod) is zero",
            Self::ProtocolInLayer3 => {
                "a protocol mask needs layer 4, but the rule hashes layer 3 only"
            }
            Self::SpiAndPortMask => "an SPI mask and a port mask exclude each other",
            Self::SpiAndPort => "an SPI and a port exclude each other",
        }
    }
}

impl Rule {
    /// Whether the rule may be installed: once, when it is, never per packet.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.hmodulus == 0 {
            return Err(Refusal::NoBuckets);
        }
        if self.proto_mask != 0 && self.has(flag::METHOD_L3) {
            return Err(Refusal::ProtocolInLayer3);
        }
        if self.has(flag::SPI_MASK) && self.has(flag::SPORT_MASK | flag::DPORT_MASK) {
            return Err(Refusal::SpiAndPortMask);
        }
        if self.has(flag::SPI) && self.has(flag::SPORT | flag::DPORT) {
            return Err(Refusal::SpiAndPort);
        }
        Ok(())
    }

    /// Whether the conntrack tuple is hashed instead of the packet.
    pub fn conntrack(&self) -> bool {
        self.has(flag::CT)
    }

    /// Whether addresses alone are hashed.
    pub(super) fn layer3_only(&self) -> bool {
        self.has(flag::METHOD_L3)
    }

    /// Whether any of these bits of [`flag`] is set.
    fn has(&self, flags: u32) -> bool {
        self.flags & flags != 0
    }
}

// The ABI: what the C header lays out, and what no change here may move.
const _: () = {
    assert!(size_of::<Rule>() == 60);
    assert!(offset_of!(Rule, src_mask) == 0);
    assert!(offset_of!(Rule, dst_mask) == 16);
    assert!(offset_of!(Rule, port_mask) == 32);
    assert!(offset_of!(Rule, port_set) == 36);
    assert!(offset_of!(Rule, flags) == 40);
    assert!(offset_of!(Rule, proto_mask) == 44);
    assert!(offset_of!(Rule, hashrnd) == 48);
    assert!(offset_of!(Rule, hmodulus) == 52);
    assert!(offset_of!(Rule, hoffset) == 56);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_refused_for_what_contradicts_itself() {
        let rule = |flags, proto_mask, hmodulus| Rule {
            flags,
            proto_mask,
            hmodulus,
            ..Rule::default()
        };
        assert_eq!(rule(0, 0, 1).check(), Ok(()));
        assert_eq!(rule(0, 0, 0).check(), Err(Refusal::NoBuckets));
        assert_eq!(rule(flag::METHOD_L3, 0, 1).check(), Ok(()));
        assert_eq!(
            rule(flag::METHOD_L3, 1, 1).check(),
            Err(Refusal::ProtocolInLayer3)
        );
        for port in [flag::SPORT, flag::DPORT] {
            assert_eq!(
                rule(flag::SPI | port, 0, 1).check(),
                Err(Refusal::SpiAndPort)
            );
            assert_eq!(rule(flag::SPI_MASK | port, 0, 1).check(), Ok(()));
        }
        for mask in [flag::SPORT_MASK, flag::DPORT_MASK] {
            assert_eq!(
                rule(flag::SPI_MASK | mask, 0, 1).check(),
                Err(Refusal::SpiAndPortMask)
            );
            assert_eq!(rule(flag::SPI | mask, 0, 1).check(), Ok(()));
        }
    }
}
