// SPDX-License-Identifier: GPL-2.0-only

//! The reasons why a packet's way through the rules cannot be told, or ends there.
//!
//! They are put into words only where they are shown: a capture may have millions of such packets, and few
//! reasons.

use std::fmt;
use std::net::IpAddr;

use super::Place;
use crate::cannot_tell::CannotTell;
use crate::flow::Protocol;

/// The reason why something about a packet cannot be told. Most are a clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unclear<'r> {
    /// A clause of its own.
    Clause(&'static str),
    /// The saved text lacks rules, about which this is a sentence.
    Missing(&'r str),
    /// A match that is not understood, as it was written.
    Match(&'r str),
    /// A target, likewise.
    Target(&'r str),
    /// A target that translates addresses, by its name.
    Translates(&'r str),
    /// A chain that is missing, by its name.
    Chain(&'r str),
    /// A protocol of whose connections the tuple is not known.
    Tuple(Protocol),
    /// An address of which the type is not known.
    Type(IpAddr),
    /// The packet meets more rules than these.
    Rules(usize),
}

impl fmt::Display for Unclear<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clause(clause) => f.write_str(clause),
            Self::Missing(what) => write!(
                f,
                "the saved text does not have all rules of the host ({what})"
            ),
            Self::Match(text) => write!(f, "the match \"{text}\" is not understood"),
            Self::Target(text) => write!(f, "the target \"{text}\" is not understood"),
            Self::Translates(name) => write!(f, "{name} translates the connection's addresses"),
            Self::Chain(name) => write!(f, "the chain {name} is missing"),
            Self::Tuple(protocol) => write!(f, "conntrack's tuple of {protocol} is not known"),
            Self::Type(address) => write!(f, "the type of the address {address} is not known"),
            Self::Rules(most) => write!(f, "the packet meets more than {most} rules"),
        }
    }
}

impl<'r> Unclear<'r> {
    /// The same reason, at a rule.
    pub(super) fn at(self, place: Place<'r>) -> UnclearAt<'r> {
        UnclearAt {
            reason: self,
            place: Some(place),
        }
    }
}

/// The reason why a packet's way cannot be told, and the rule that it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnclearAt<'r> {
    /// The reason.
    pub reason: Unclear<'r>,
    /// The rule's place; [`None`] if it depends on all rules.
    pub place: Option<Place<'r>>,
}

impl From<UnclearAt<'_>> for CannotTell {
    fn from(unclear: UnclearAt<'_>) -> Self {
        Self {
            reason: unclear.reason.to_string(),
            place: unclear.place.map(|place| place.to_string()),
        }
    }
}

/// The place where a packet is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DroppedAt<'r> {
    /// A rule.
    Rule(Place<'r>),
    /// The end of a built-in chain whose policy is DROP.
    Policy {
        /// The table's name.
        table: &'r str,
        /// The chain's name.
        chain: &'r str,
    },
}

impl fmt::Display for DroppedAt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(place) => place.fmt(f),
            Self::Policy { table, chain } => {
                write!(f, "{table} {chain}: the chain's policy is DROP")
            }
        }
    }
}
