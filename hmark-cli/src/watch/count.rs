// SPDX-License-Identifier: GPL-2.0-only

//! Numbers of packets, as the kernel counts them.

use std::collections::BTreeMap;

/// Packets and bytes, and what begins with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Their bytes, from the network header on.
    pub bytes: u64,
    /// New TCP connections: packets with SYN and without ACK.
    pub connections: u64,
}

impl Count {
    /// The count since an earlier one.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            packets: self.packets.saturating_sub(earlier.packets),
            bytes: self.bytes.saturating_sub(earlier.bytes),
            connections: self.connections.saturating_sub(earlier.connections),
        }
    }

    /// Both counts as one.
    pub fn and(self, other: Self) -> Self {
        Self {
            packets: self.packets.saturating_add(other.packets),
            bytes: self.bytes.saturating_add(other.bytes),
            connections: self.connections.saturating_add(other.connections),
        }
    }
}

/// The counts of one family, apart from the marks that are watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfFamily {
    /// All packets.
    pub all: Count,
    /// Packets whose mark is 0.
    pub unmarked: Count,
    /// Packets with marks that no group has, by mark: those of the last minute, and the first 64 marks only.
    pub others: BTreeMap<u32, Count>,
}

/// All counts since counting began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// The counts of each group's marks, in the order of the groups.
    pub groups: Vec<BTreeMap<u32, Count>>,
    /// What else was counted of IPv4 and of IPv6.
    pub families: [OfFamily; 2],
}
