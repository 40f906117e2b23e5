// SPDX-License-Identifier: GPL-2.0-only

//! The rule, read by the offsets of the ABI, and when it is refused.
//!
//! C headers: `include/linux/netfilter/xt_HMARK.h`, `xt_HMARK_v1.h`

use super::bytes;

/// Bits of the rule's flags.
mod flag {
    pub(super) const SPI: u32 = 1 << 2;
    pub(super) const SPI_MASK: u32 = 1 << 3;
    pub(super) const SPORT: u32 = 1 << 4;
    pub(super) const DPORT: u32 = 1 << 5;
    pub(super) const SPORT_MASK: u32 = 1 << 6;
    pub(super) const DPORT_MASK: u32 = 1 << 7;
    pub(super) const RND: u32 = 1 << 9;
    pub(super) const CT: u32 = 1 << 12;
    pub(super) const METHOD_L3: u32 = 1 << 13;
    /// From here on they are revision 1's.
    pub(super) const MASK: u32 = 1 << 15;
    pub(super) const FROM: u32 = 1 << 16;
    pub(super) const WEIGHT: u32 = 1 << 17;
    pub(super) const KEY: u32 = 1 << 18;
    pub(super) const INNER: u32 = 1 << 19;
    pub(super) const REVERSE_ERRORS: u32 = 1 << 20;
    /// The first one that nobody knows.
    pub(super) const UNKNOWN: u32 = 1 << 21;
}

/// Bits of the tunnels that a rule follows.
pub(super) mod inner {
    pub(in super::super) const GTPU: u8 = 1;
    pub(in super::super) const VXLAN: u8 = 2;
    pub(in super::super) const GENEVE: u8 = 4;
    pub(in super::super) const GRE: u8 = 8;
    pub(in super::super) const IPIP: u8 = 16;
    pub(super) const ALL: u8 = 31;
}

/// A rule of either revision. Masks are bytes in wire order, numbers are as the ABI says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub(super) src_mask: [u8; 16],
    pub(super) dst_mask: [u8; 16],
    pub(super) port_mask: [u8; 4],
    pub(super) port_set: [u8; 4],
    flags: u32,
    pub(super) proto_mask: u16,
    pub(super) seed: u32,
    pub(super) modulus: u32,
    pub(super) offset: u32,
    mark_mask: u32,
    from: u32,
    key: [u8; 16],
    pub(super) gtpu_port: u16,
    pub(super) vxlan_port: u16,
    pub(super) geneve_port: u16,
    tunnels: u8,
    reserved: [u8; 5],
    less: [u8; 256],
    /// Whether a conntrack template, which has no addresses, is hashed.
    pub(super) hashes_templates: bool,
}

impl Rule {
    /// A rule of revision 0. It never looks at flags that only revision 1 has.
    pub fn v0(rule: &[u8; 60]) -> Self {
        let mut all = [0; 352];
        for (to, from) in all.iter_mut().zip(rule) {
            *to = *from;
        }
        let rule = Self::v1(&all);
        Self {
            flags: rule.flags % flag::MASK,
            hashes_templates: true,
            ..rule
        }
    }

    /// A rule of revision 1.
    pub fn v1(rule: &[u8; 352]) -> Self {
        let all = Fields(rule);
        Self {
            src_mask: all.bytes(0),
            dst_mask: all.bytes(16),
            port_mask: all.bytes(32),
            port_set: all.bytes(36),
            flags: all.long(40),
            proto_mask: all.short(44),
            seed: all.long(48),
            modulus: all.long(52),
            offset: all.long(56),
            mark_mask: all.long(60),
            from: all.long(64),
            key: all.bytes(68),
            gtpu_port: all.short(84),
            vxlan_port: all.short(86),
            geneve_port: all.short(88),
            tunnels: u8::from_ne_bytes(all.bytes(90)),
            reserved: all.bytes(91),
            less: all.bytes(96),
            hashes_templates: false,
        }
    }

    /// Whether the kernel accepts the rule.
    pub fn is_accepted(&self) -> bool {
        let has = |flag: u32| self.flags & flag != 0;
        let contradictions = [
            self.modulus == 0,
            has(flag::METHOD_L3) && self.proto_mask != 0,
            has(flag::SPI_MASK) && (has(flag::SPORT_MASK) || has(flag::DPORT_MASK)),
            has(flag::SPI) && (has(flag::SPORT) || has(flag::DPORT)),
            self.flags >= flag::UNKNOWN,
            self.reserved != [0; 5],
            match has(flag::MASK) {
                false => self.mark_mask != 0,
                true => !self.mask_fits(),
            },
            match has(flag::FROM) {
                false => self.from != 0,
                true => self.from == 0 || self.from > self.modulus,
            },
            match has(flag::WEIGHT) {
                false => self.less != [0; 256],
                true => !self.weights_fit(),
            },
            match has(flag::KEY) {
                false => self.key != [0; 16],
                true => has(flag::RND),
            },
            match has(flag::INNER) {
                false => self.tunnels != 0,
                true => self.tunnels == 0 || self.tunnels > inner::ALL || has(flag::CT),
            },
            !self.tunnel_ports_fit(),
            has(flag::REVERSE_ERRORS) && has(flag::CT),
        ];
        !contradictions.contains(&true)
    }

    /// Whether the mask is one run of ones that has room for all marks.
    fn mask_fits(&self) -> bool {
        let mut run = self.mark_mask;
        if run == 0 {
            return false;
        }
        while run % 2 == 0 {
            run /= 2;
        }
        while run % 2 == 1 {
            run /= 2;
        }
        let has_holes = run != 0;
        let step = u64::from(self.step());
        let buckets = u64::from(self.modulus.saturating_sub(1));
        let last = u64::from(self.offset) + buckets * step;
        !has_holes && self.offset & !self.mark_mask == 0 && last <= u64::from(self.mark_mask)
    }

    fn weights_fit(&self) -> bool {
        let mut all = self.less.iter().zip(0_u32..);
        let all_are_right =
            all.all(|(less, mark)| *less <= 100 && (*less == 0 || mark < self.modulus));
        let mut of_marks = self.less.iter().zip(0..self.modulus);
        let some_mark_is_left = of_marks.any(|(less, _)| *less < 100);
        self.modulus <= 256 && all_are_right && some_mark_is_left && self.less != [0; 256]
    }

    /// Whether exactly the tunnels of UDP have a port, and no two the same.
    fn tunnel_ports_fit(&self) -> bool {
        let ports = [
            (inner::GTPU, self.gtpu_port),
            (inner::VXLAN, self.vxlan_port),
            (inner::GENEVE, self.geneve_port),
        ];
        ports.iter().all(|&(tunnel, port)| {
            let same = ports.iter().filter(|&&(_, other)| other == port).count();
            match self.tunnels & tunnel {
                0 => port == 0,
                _ => port != 0 && same == 1,
            }
        })
    }

    /// The distance between two marks that follow each other: the lowest bit of the mask.
    fn step(&self) -> u32 {
        let mut step = 1_u32;
        while step < 1 << 31 && self.mark_mask != 0 && self.mark_mask & step == 0 {
            step *= 2;
        }
        step
    }

    /// Whether the connection is hashed, not the packet.
    pub fn hashes_connection(&self) -> bool {
        self.flags & flag::CT != 0
    }

    /// Whether only addresses are hashed.
    pub(super) fn layer3_only(&self) -> bool {
        self.flags & flag::METHOD_L3 != 0
    }

    /// Whether ports or an SPI can change the hash.
    pub fn hashes_ports(&self) -> bool {
        !self.layer3_only() && (self.port_mask != [0; 4] || self.port_set != [0; 4])
    }

    pub(super) fn follows(&self, tunnel: u8) -> bool {
        self.flags & flag::INNER != 0 && self.tunnels & tunnel != 0
    }

    pub(super) fn reverses_errors(&self) -> bool {
        self.flags & flag::REVERSE_ERRORS != 0
    }

    pub(super) fn key(&self) -> Option<&[u8; 16]> {
        (self.flags & flag::KEY != 0).then_some(&self.key)
    }

    /// The number of marks that the cluster began with.
    pub(super) fn from(&self) -> u32 {
        match self.flags & flag::FROM {
            0 => self.modulus,
            _ => self.from,
        }
    }

    /// 100 minus each mark's weight.
    pub(super) fn less(&self) -> &[u8; 256] {
        match self.flags & flag::WEIGHT {
            0 => &[0; 256],
            _ => &self.less,
        }
    }

    /// The mark of a bucket, merged into the old mark.
    pub(super) fn merge(&self, old: u32, bucket: u32) -> u32 {
        let shifted = u64::from(bucket) * u64::from(self.step());
        let new = ((shifted + u64::from(self.offset)) % (1 << 32)) as u32;
        match self.flags & flag::MASK {
            0 => new,
            _ => (old & !self.mark_mask) | new,
        }
    }
}

/// The bytes of a rule in memory.
struct Fields<'a>(&'a [u8; 352]);

impl Fields<'_> {
    fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        bytes(self.0, at).unwrap_or([0; N])
    }

    /// A number in host byte order.
    fn short(&self, at: usize) -> u16 {
        u16::from_ne_bytes(self.bytes(at))
    }

    /// A number in host byte order.
    fn long(&self, at: usize) -> u32 {
        u32::from_ne_bytes(self.bytes(at))
    }
}
