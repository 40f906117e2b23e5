// SPDX-License-Identifier: GPL-2.0-only

//! A packet at a rule, and what HMARK makes of it.

use hmark::rule::v1::{flag, Info};
use hmark::{Connection, Explanation, Family, Packet};

/// Takes the steps of an HMARK rule for a packet one at a time, as the revision does that iptables gives the
/// kernel: the lowest that has all options of the rule.
pub fn explain<P: Packet>(family: Family, packet: &P, rule: &Info) -> Explanation {
    match rule.has(flag::NEW) {
        true => hmark::explain(family, packet, rule),
        false => hmark::explain(family, packet, &rule.masked.v0),
    }
}

/// The mark by an HMARK rule, likewise.
pub(super) fn mark<P: Packet>(family: Family, packet: &P, rule: &Info) -> Option<u32> {
    match rule.has(flag::NEW) {
        true => hmark::mark(family, packet, rule),
        false => hmark::mark(family, packet, &rule.masked.v0),
    }
}

/// A packet with the mark and the connection that it has at a rule.
pub struct Marked<'p, P> {
    /// The packet.
    pub packet: &'p P,
    /// Its mark.
    pub mark: u32,
    /// Its connection.
    pub connection: Option<Connection>,
}

impl<P: Packet> Packet for Marked<'_, P> {
    fn mark(&self) -> u32 {
        self.mark
    }

    fn end(&self) -> u32 {
        self.packet.end()
    }

    fn is_linear(&self) -> bool {
        self.packet.is_linear()
    }

    fn in_place<const N: usize>(&self, offset: u32) -> Option<&[u8; N]> {
        self.packet.in_place(offset)
    }

    fn copy<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        self.packet.copy(offset)
    }

    fn connection(&self) -> Option<Connection> {
        self.connection
    }
}
