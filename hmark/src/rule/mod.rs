// SPDX-License-Identifier: GPL-2.0-only

//! The rule: the decisions of a revision of the target, apart from the layout of its options.

use super::tuple::Tuple;

pub mod v0;

/// The decisions of a rule, in the order in which they are taken for a packet.
///
/// Each revision has its own layout, which implements this. Nothing else depends on the revision.
pub trait Rule {
    /// Checks the rule once, before it is installed.
    ///
    /// # Errors
    ///
    /// The first contradiction found.
    fn check(&self) -> Result<(), Refusal>;

    /// Whether the packet itself or its connection is hashed.
    fn source(&self) -> Source;

    /// The parts of a packet or connection that are hashed.
    fn selection(&self) -> Selection<'_>;

    /// Hashes a tuple to 32 bits, no matter which end is the source.
    fn hash(&self, tuple: &Tuple) -> u32;

    /// Scales a hash to a bucket, counted from 0.
    fn bucket(&self, hash: u32) -> u32;

    /// Merges the bucket into the packet's `old` mark, and returns the new one.
    fn merge(&self, old: u32, bucket: u32) -> u32;
}

/// The source of the tuple that a rule hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The packet's own headers.
    Packet,
    /// The tuples of the packet's connection in conntrack.
    Connection,
}

/// The parts of a packet or connection that a rule hashes.
///
/// Masks are references, so that each is read only where it is needed: few values are live at a
/// time, and they fit into registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection<'r> {
    /// ANDed with the source address; network byte order. IPv4 uses the first word.
    pub src_mask: &'r [u32; 4],
    /// ANDed with the destination address; network byte order. IPv4 uses the first word.
    pub dst_mask: &'r [u32; 4],
    /// ANDed with the source and destination port, or with the SPI; network byte order.
    pub port_mask: &'r u32,
    /// ORed into the masked ports or SPI; network byte order.
    pub port_set: &'r u32,
    /// ANDed with the layer 4 protocol; host byte order.
    pub proto_mask: &'r u16,
    /// Whether only addresses are hashed, so that layer 4 is never read.
    pub layer3_only: bool,
}

/// The reason why a rule may not be installed. The kernel returns `EINVAL` for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no bucket to choose from.
    NoBuckets,
    /// The protocol is masked, but only addresses are hashed.
    ProtocolInLayer3,
    /// An SPI mask and a port mask would both apply to the same four bytes.
    SpiAndPortMask,
    /// An SPI and a port would both be set in the same four bytes.
    SpiAndPort,
}

impl Refusal {
    /// One line for the kernel log that says what is wrong with the rule.
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
