// SPDX-License-Identifier: GPL-2.0-only

//! Revision 0: the layout of a rule as iptables hands it to the kernel, and its decisions.
//!
//! C header: [`include/linux/netfilter/xt_HMARK.h`](../../../include/linux/netfilter/xt_HMARK.h)

use core::mem::{offset_of, size_of};

use super::super::{bucket::scale, hash::lookup3, tuple::Tuple};
use super::{Refusal, Rule, Selection, Source, Tunnels};

/// The selectors that a rule was given: bits of [`Info::flags`].
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
    /// Hash only addresses: layer 4 is never read.
    pub const METHOD_L3: u32 = 1 << 13;
    /// Reserved by the ABI; neither iptables nor the kernel reads it.
    pub const METHOD_L3_4: u32 = 1 << 14;
    /// Every flag of revision 0.
    pub const ALL: u32 = (1 << 15) - 1;
}

/// One HMARK rule: `struct xt_hmark_info`, revision 0, byte for byte.
///
/// Every bit pattern is a valid `Info`; [`Rule::check`] tells whether it may be installed.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// ANDed with the source address; network byte order. IPv4 uses the first word.
    pub src_mask: [u32; 4],
    /// ANDed with the destination address; network byte order. IPv4 uses the first word.
    pub dst_mask: [u32; 4],
    /// ANDed with the source and destination port, or with the SPI; network byte order.
    pub port_mask: u32,
    /// ORed into the masked ports or SPI; network byte order.
    pub port_set: u32,
    /// The selectors that were given: bits of [`flag`].
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

/// The seed of a rule that was given none. It is a constant, so that all nodes of a cluster agree.
pub const DEFAULT_RND: u32 = 0xc175_a3b8;

impl Info {
    /// Whether any of these bits of [`flag`] is set.
    #[inline(always)]
    pub const fn has(&self, flags: u32) -> bool {
        self.flags & flags != 0
    }
}

impl Rule for Info {
    type Light = Self;

    const HASHES_TEMPLATES: bool = true;

    fn check(&self) -> Result<(), Refusal> {
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

    #[inline(always)]
    fn is_light(&self) -> bool {
        true
    }

    #[inline(always)]
    fn light(&self) -> &Self {
        self
    }

    #[inline(always)]
    fn is_heavy(&self) -> bool {
        false
    }

    #[inline(always)]
    fn source(&self) -> Source {
        match self.has(flag::CT) {
            true => Source::Connection,
            false => Source::Packet,
        }
    }

    #[inline(always)]
    fn selection(&self) -> Selection<'_> {
        Selection {
            src_mask: &self.src_mask,
            dst_mask: &self.dst_mask,
            port_mask: &self.port_mask,
            port_set: &self.port_set,
            proto_mask: &self.proto_mask,
            layer3_only: self.has(flag::METHOD_L3),
            reverses_errors: false,
        }
    }

    #[inline(always)]
    fn looks_into_tunnels(&self) -> bool {
        false
    }

    #[inline(always)]
    fn tunnels(&self) -> Tunnels {
        Tunnels::NONE
    }

    /// lookup3 over the folded addresses and the ports, each pair sorted; the protocol is XORed
    /// into the result.
    #[inline(always)]
    fn hash(&self, tuple: &Tuple) -> u32 {
        let (src, dst) = (tuple.src.fold(), tuple.dst.fold());
        let (low, high) = match src < dst {
            true => (src, dst),
            false => (dst, src),
        };
        let ports = tuple.ports.max(tuple.ports.rotate_left(16));
        lookup3::hash([low, high, ports], self.hashrnd) ^ u32::from(tuple.protocol)
    }

    #[inline(always)]
    fn bucket(&self, hash: u32) -> u32 {
        scale::bucket(hash, self.hmodulus)
    }

    /// The offset plus the bucket. It replaces the old mark.
    #[inline(always)]
    fn merge(&self, _old: u32, bucket: u32) -> u32 {
        bucket.wrapping_add(self.hoffset)
    }
}

// The ABI of the C header: no change here may move a field.
const _: () = {
    assert!(size_of::<Info>() == 60);
    assert!(offset_of!(Info, src_mask) == 0);
    assert!(offset_of!(Info, dst_mask) == 16);
    assert!(offset_of!(Info, port_mask) == 32);
    assert!(offset_of!(Info, port_set) == 36);
    assert!(offset_of!(Info, flags) == 40);
    assert!(offset_of!(Info, proto_mask) == 44);
    assert!(offset_of!(Info, hashrnd) == 48);
    assert!(offset_of!(Info, hmodulus) == 52);
    assert!(offset_of!(Info, hoffset) == 56);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_contradicts_itself_is_refused() {
        let rule = |flags, proto_mask, hmodulus| Info {
            flags,
            proto_mask,
            hmodulus,
            ..Info::default()
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
