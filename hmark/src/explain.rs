// SPDX-License-Identifier: GPL-2.0-only

//! Each step from a packet to its mark, for tests and tools. It is not part of the kernel module.

use super::mark::{found_tuple, hashed_connection};
use super::rule::{Rule, Source};
use super::tuple::Tuple;
use super::walk::{self, Found};
use super::{Connection, Family, Packet, Place};

/// The steps from a packet to its mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The subject of the hash: the packet's headers or its connection, as the rule says.
    pub subject: Subject,
    /// The headers inside a tunnel's packet, if they are hashed in place of those found.
    pub inner: Option<Place>,
    /// The steps that follow; [`None`] if the packet's mark is left alone.
    pub steps: Option<Steps>,
}

/// The subject of the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The headers that the walk found in the packet.
    Packet(Found),
    /// The packet's connection, if conntrack tracks it.
    Connection(Option<Connection>),
}

/// The steps from a tuple to a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// The tuple, masked by the rule.
    pub tuple: Tuple,
    /// Its hash.
    pub hash: u32,
    /// The bucket of the hash, counted from 0.
    pub bucket: u32,
    /// The packet's new mark.
    pub mark: u32,
}

/// Takes the steps of [`mark`](super::mark()) one at a time, without its fast path.
pub fn explain<P: Packet + ?Sized, R: Rule>(family: Family, packet: &P, rule: &R) -> Explanation {
    let (subject, inner, tuple) = match rule.source() {
        Source::Packet => {
            let found = walk::find(family, packet, 0);
            let (inner, tuple) = match found_tuple(family, packet, found, rule) {
                Some((inner, tuple)) => (inner, Some(tuple)),
                None => (None, None),
            };
            (Subject::Packet(found), inner, tuple)
        }
        Source::Connection => {
            let connection = hashed_connection(packet, rule);
            let selection = rule.selection();
            let tuple = connection.map(|connection| Tuple::of_connection(&connection, &selection));
            (Subject::Connection(connection), None, tuple)
        }
    };
    let steps = tuple.map(|tuple| {
        let hash = rule.hash(&tuple);
        let bucket = rule.bucket(hash);
        Steps {
            tuple,
            hash,
            bucket,
            mark: rule.merge(packet.mark(), bucket),
        }
    });
    Explanation {
        subject,
        inner,
        steps,
    }
}
