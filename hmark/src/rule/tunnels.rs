// SPDX-License-Identifier: GPL-2.0-only

//! The tunnels whose inner packet a rule hashes in place of the outer one.

use super::Refusal;

/// Kinds of tunnels: bits of [`Tunnels::inner`].
pub mod inner {
    /// GTP-U version 1 (3GPP TS 29.281), over UDP.
    pub const GTPU: u8 = 1 << 0;
    /// VXLAN (RFC 7348), over UDP.
    pub const VXLAN: u8 = 1 << 1;
    /// GENEVE (RFC 8926), over UDP.
    pub const GENEVE: u8 = 1 << 2;
    /// GRE version 0 (RFC 2784, RFC 2890).
    pub const GRE: u8 = 1 << 3;
    /// IPv4 or IPv6 in IPv4 or IPv6 (RFC 2003, RFC 2473, RFC 4213).
    pub const IPIP: u8 = 1 << 4;
    /// Every kind.
    pub const ALL: u8 = GTPU | VXLAN | GENEVE | GRE | IPIP;
}

/// The tunnels that a rule looks into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnels {
    /// UDP port of GTP-U, host byte order; 0 if it is not looked into.
    pub gtpu_port: u16,
    /// UDP port of VXLAN, likewise.
    pub vxlan_port: u16,
    /// UDP port of GENEVE, likewise.
    pub geneve_port: u16,
    /// Bits of [`inner`].
    pub inner: u8,
}

impl Tunnels {
    /// No tunnel: the outer packet is hashed.
    pub const NONE: Self = Self {
        gtpu_port: 0,
        vxlan_port: 0,
        geneve_port: 0,
        inner: 0,
    };

    /// Whether the rule looks into any tunnel of these kinds.
    #[inline(always)]
    pub const fn has(&self, kinds: u8) -> bool {
        self.inner & kinds != 0
    }

    /// Checks the kinds, and that each kind over UDP has a port of its own.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        if self.has(!inner::ALL) {
            return Err(Refusal::Unknown);
        }
        let ports = [
            (inner::GTPU, self.gtpu_port),
            (inner::VXLAN, self.vxlan_port),
            (inner::GENEVE, self.geneve_port),
        ];
        if ports
            .iter()
            .any(|&(kind, port)| self.has(kind) != (port != 0))
        {
            return Err(Refusal::TunnelPort);
        }
        let same = |a: u16, b: u16| a != 0 && a == b;
        let clash = same(self.gtpu_port, self.vxlan_port)
            || same(self.gtpu_port, self.geneve_port)
            || same(self.vxlan_port, self.geneve_port);
        match clash {
            true => Err(Refusal::TunnelsOnOnePort),
            false => Ok(()),
        }
    }
}
