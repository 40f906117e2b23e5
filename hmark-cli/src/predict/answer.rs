// SPDX-License-Identifier: GPL-2.0-only

//! The answer for a packet: its mark, or the reason why it has none.

use std::fmt;

use hmark::Tuple;

use super::sentence::Sentence;
use crate::capture::link::NoPacket;

/// The answer for a packet.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A rule sets its mark.
    Marked(Marked),
    /// It is not marked.
    Unmarked(Reason),
    /// Its mark depends on something that is not known.
    CannotTell(Reason),
}

/// A mark, and the rule that sets it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Marked {
    /// The packet's mark at the end.
    pub mark: u32,
    /// The place of the rule among those of its judge.
    pub rule: u32,
    /// The tuple that it hashed.
    pub tuple: Tuple,
}

/// The reason why a packet has no mark, or none that can be told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The frame has no IP packet that a host would see.
    NoPacket(NoPacket),
    /// The rule has no say on an ICMP error that quotes too little of a packet.
    Error,
    /// The rule hashes connections, and conntrack leaves this packet alone.
    Untracked,
    /// The rule needs more of the packet than was captured.
    Cut,
    /// The rule hashes the SPI of ESP or AH, which the list does not have.
    Spi,
    /// The rule hashes connections, and the packet alone does not tell its connection.
    Connection,
    /// The rule hashes connections, and there are more flows than are remembered.
    Forgotten,
    /// No HMARK rule is met.
    NoRule,
    /// The HMARK rule that is met says nothing.
    LeftAlone,
    /// One of more marks than are counted one by one.
    OtherMarks,
    /// One of more reasons than are counted one by one.
    Others,
    /// A sentence about a rule, such as that none is met.
    Rule(Sentence),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPacket(reason) => reason.fmt(f),
            Self::Error => f.write_str("an ICMP error that quotes too little"),
            Self::Untracked => f.write_str("not tracked by conntrack, whose tuple the rule hashes"),
            Self::Cut => f.write_str("too little of the packet was captured"),
            Self::Spi => f.write_str("the list does not tell the SPI, which the rule hashes"),
            Self::Connection => f.write_str("the packet does not tell its connection in conntrack"),
            Self::Forgotten => {
                f.write_str("who opened the connection is not known: too many flows")
            }
            Self::NoRule => f.write_str("no HMARK rule is met"),
            Self::LeftAlone => f.write_str(
                "the rule leaves it alone: not tracked, or an ICMP error that quotes too little",
            ),
            Self::OtherMarks => f.write_str("other marks: too many to count"),
            Self::Others => f.write_str("other reasons"),
            Self::Rule(sentence) => sentence.fmt(f),
        }
    }
}
