// SPDX-License-Identifier: GPL-2.0-only

//! The two ends of a packet.

use core::net::SocketAddr;

use super::hmark::Family;

/// One direction of a flow. Both addresses are of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The end that sends.
    pub source: SocketAddr,
    /// The end that receives.
    pub destination: SocketAddr,
    /// The protocol of layer 4, whose header may have no ports.
    pub protocol: u8,
}

impl Flow {
    /// The other direction.
    pub fn reversed(self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            ..self
        }
    }

    /// The same ends with another protocol.
    pub fn with(self, protocol: u8) -> Self {
        Self { protocol, ..self }
    }

    /// The family of its addresses.
    pub fn family(self) -> Family {
        match self.source.is_ipv4() {
            true => Family::Ipv4,
            false => Family::Ipv6,
        }
    }

    /// Both ports as in a header, or a Security Parameter Index in their place.
    pub(super) fn ports(self) -> [u8; 4] {
        let [a, b] = self.source.port().to_be_bytes();
        let [c, d] = self.destination.port().to_be_bytes();
        [a, b, c, d]
    }
}
