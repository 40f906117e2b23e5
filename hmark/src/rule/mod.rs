// SPDX-License-Identifier: GPL-2.0-only

//! The rule: the decisions of a revision of the target, apart from the layout of its options.

use super::tuple::Tuple;
use super::Family;

mod layout;
mod tunnels;
pub mod v0;
pub mod v1;

pub use tunnels::{inner, Tunnels};

/// The decisions of a rule, in the order in which they are taken for a packet.
///
/// Each revision has its own layout, which implements this. Nothing else depends on the revision.
pub trait Rule {
    /// A rule that decides the same in fewer steps, if it is light.
    type Light: Rule;

    /// Whether a conntrack template counts as a connection.
    const HASHES_TEMPLATES: bool;

    /// Checks the rule once, before it is installed.
    ///
    /// # Errors
    ///
    /// The first contradiction found.
    fn check(&self) -> Result<(), Refusal>;

    /// Whether a part of the rule decides everything.
    fn is_light(&self) -> bool;

    /// That part of a light rule. It is not an [`Option`], whose test for null would cost each packet.
    fn light(&self) -> &Self::Light;

    /// Whether the rule has a key, looks into tunnels, or reverses errors.
    fn is_heavy(&self) -> bool;

    /// Whether the packet itself or its connection is hashed.
    fn source(&self) -> Source;

    /// The parts of a packet or connection that are hashed.
    fn selection(&self) -> Selection<'_>;

    /// True if the rule hashes the packet inside a tunnel's packet.
    fn looks_into_tunnels(&self) -> bool;

    /// The tunnels whose inner packet is hashed.
    fn tunnels(&self) -> Tunnels;

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
    /// Whether an ICMP error is hashed as the reply to the packet that it quotes.
    pub reverses_errors: bool,
}

/// A netmask of all bits, and one of none.
static MASKS: ([u32; 4], [u32; 4]) = ([u32::MAX; 4], [0; 4]);

impl Selection<'_> {
    /// The selection for a tunnel's inner packet of another family than `family`, the rule's, whose
    /// masks have no meaning for it: an address is hashed in full, or not at all if its mask has no bit.
    #[inline(always)]
    pub(super) fn for_other_family(self, family: Family) -> Self {
        let (all, none) = &MASKS;
        let is_empty = |mask: &[u32; 4]| match family {
            Family::Ipv4 => mask[0] == 0,
            Family::Ipv6 => *mask == [0; 4],
        };
        let whole = |mask: &[u32; 4]| match is_empty(mask) {
            true => none,
            false => all,
        };
        Self {
            src_mask: whole(self.src_mask),
            dst_mask: whole(self.dst_mask),
            ..self
        }
    }
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
    /// There is a flag or a value that this version does not know.
    Unknown,
    /// A field has a value without its flag, or a flag has no value.
    FlagWithoutValue,
    /// The mask of the mark is not one run of ones.
    MaskWithHoles,
    /// The offset has bits outside the mask of the mark.
    OffsetOutsideMask,
    /// The last mark does not fit into the mask of the mark.
    MarksOutsideMask,
    /// The cluster would have begun with more marks than it has.
    FromOverMarks,
    /// There are weights, but more marks than can have weights.
    TooManyMarksForWeights,
    /// There is a weight for a mark that the rule does not have.
    WeightOfNoMark,
    /// A weight is over 100 per cent.
    WeightOver100,
    /// No mark has a weight.
    NoWeight,
    /// A key and a seed exclude each other.
    KeyAndSeed,
    /// A tunnel has no UDP port, or there is a port without its tunnel.
    TunnelPort,
    /// Two tunnels have one UDP port.
    TunnelsOnOnePort,
    /// The inner packet is asked for, but the connection is hashed.
    InnerOfConnection,
    /// Errors are to be reversed, but the connection is hashed.
    ErrorsOfConnection,
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
            Self::Unknown => "the rule has flags or values that this version does not know",
            Self::FlagWithoutValue => "the flags of the rule do not agree with its values",
            Self::MaskWithHoles => "the mask of the mark (hmark-mask) has holes",
            Self::OffsetOutsideMask => "the offset has bits outside the mask of the mark",
            Self::MarksOutsideMask => "the last mark does not fit into the mask of the mark",
            Self::FromOverMarks => "the first number of marks (hmark-from) is over hmark-mod",
            Self::TooManyMarksForWeights => "weights need a number of marks of at most 256",
            Self::WeightOfNoMark => "a weight is for a mark that the rule does not have",
            Self::WeightOver100 => "a weight is not from 0 to 100",
            Self::NoWeight => "all marks have the weight 0",
            Self::KeyAndSeed => "a key (hmark-key) and a seed (hmark-rnd) exclude each other",
            Self::TunnelPort => "the UDP ports do not agree with the tunnels (hmark-inner)",
            Self::TunnelsOnOnePort => "two tunnels (hmark-inner) have one UDP port",
            Self::InnerOfConnection => "inner packets (hmark-inner) and ct exclude each other",
            Self::ErrorsOfConnection => {
                "reversed errors (hmark-reverse-errors) and ct exclude each other"
            }
        }
    }
}
