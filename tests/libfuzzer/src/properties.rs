// SPDX-License-Identifier: GPL-2.0-only

//! Properties that hold for any rule, packet and connection.

use crate::input::{Input, Subject};
use crate::pieces::Pieces;
use crate::wire;
use hmark::rule::v0::{flag::METHOD_L3, Info};
use hmark::rule::Rule;
use hmark::{explain, mark, Connection, Family};
use naive::{Found, Place};
use packets::protocol::{AH, ICMP, ICMPV6};

/// The most reads that a packet may cost: one for its IP header, three for each of 12 extension
/// headers and one for the 13th, one for an ICMP error, all of these again for the packet that it
/// quotes, and one for ports.
pub(crate) const MOST_READS: usize = 2 * (1 + 3 * 12 + 1 + 1) + 1;

/// Checks an input, and panics if any property does not hold.
///
/// Returns the headers found; [`None`] for a connection, or for an input that is too short.
pub fn check(input: &[u8]) -> Option<Found> {
    let Input {
        rule,
        subject,
        cuts,
    } = Input::parse(input)?;
    let is_accepted = wire::rule(&rule).is_accepted();
    assert_eq!(rule.check().is_ok(), is_accepted, "{rule:x?}");
    match subject {
        Subject::Packet(family, packet) => {
            let found = naive::find(wire::family(family), packet, &wire::rule(&rule));
            check_packet(family, packet, found, &rule, cuts);
            Some(found)
        }
        Subject::Connection(connection) => {
            check_connection(&connection, &rule);
            None
        }
    }
}

fn check_packet(family: Family, packet: &[u8], found: Found, rule: &Info, cuts: [usize; 2]) {
    let result = mark(family, packet, rule);
    let naive = naive::mark_found(wire::family(family), packet, found, &wire::rule(rule), 0);
    assert_eq!(result, naive, "{rule:x?}");
    assert!(result.is_none_or(|mark| in_range(mark, rule)), "{rule:x?}");

    let explanation = explain(family, packet, rule);
    let explained = explanation.steps.map(|steps| steps.mark);
    assert_eq!(result, explained, "{explanation:x?} {rule:x?}");
    match explanation.subject {
        hmark::Subject::Packet(walked) => assert!(agree(family, walked, found), "{walked:x?}"),
        hmark::Subject::Connection(_) => panic!("a packet is no connection: {rule:x?}"),
    }

    let pieces = Pieces::new(packet, cuts, 0);
    assert_eq!(result, mark(family, &pieces, rule), "{cuts:?} {rule:x?}");
    assert!(pieces.reads.get() <= MOST_READS, "{rule:x?}");

    let Found::Tuple(place) = found else {
        return;
    };
    let reach = pieces.reach.get();
    assert!(reach <= may_reach(&place, rule), "{place:x?} {rule:x?}");
    // Bytes after those that the mark is computed from do not matter.
    if !pieces.refused.get() {
        let longer = [packet, &[0xff; 64]].concat();
        assert_eq!(result, mark(family, &longer[..], rule), "longer: {rule:x?}");
        if !pieces.measured.get() {
            assert_eq!(
                result,
                mark(family, &packet[..reach], rule),
                "{reach} {rule:x?}"
            );
        }
    }
    // If a header claims to be too short, its ports and addresses overlap.
    if place.upright {
        let reverse = reversed(packet, &place);
        assert_eq!(
            result,
            mark(family, &reverse[..], &reversed_rule(rule)),
            "{rule:x?}"
        );
    }
}

/// Whether the walk of `hmark` found the headers that the naive one did.
pub(crate) fn agree(family: Family, walked: hmark::Found, found: Found) -> bool {
    match (walked, found) {
        (hmark::Found::Untouched, Found::Untouched) | (hmark::Found::Nothing, Found::Nothing) => {
            true
        }
        (hmark::Found::At(walked), Found::Tuple(place)) => {
            let addresses = match family {
                Family::Ipv4 => 12,
                Family::Ipv6 => 8,
            };
            walked.network as usize + addresses == place.addresses
                && walked.protocol == place.protocol
                && walked.transport as usize == place.layer4
                && (!walked.fragment || place.ports.is_none())
        }
        _ => false,
    }
}

fn check_connection(connection: &Connection, rule: &Info) {
    // The packet's own family makes no difference here.
    let result = mark(Family::Ipv4, connection, rule);
    let naive = naive::mark_connection(&wire::connection(connection), &wire::rule(rule), 0);
    assert_eq!(result, naive, "{rule:x?}");
    assert!(result.is_some_and(|mark| in_range(mark, rule)), "{rule:x?}");
    let reverse = connection.reversed();
    let reversed = mark(Family::Ipv6, &reverse, &reversed_rule(rule));
    assert_eq!(result, reversed, "{rule:x?}");
}

/// Whether a mark is one that the rule can give.
///
/// A rule with no buckets is never installed; its only mark is its offset.
fn in_range(mark: u32, rule: &Info) -> bool {
    mark.wrapping_sub(rule.hoffset) < rule.hmodulus.max(1)
}

/// The limit of the bytes that may be read under a rule: nothing beyond those that it hashes.
fn may_reach(place: &Place, rule: &Info) -> usize {
    let address_len = place.family.address_len();
    let ip = place.addresses + 2 * address_len;
    let layer4 = place.layer4.max(ip);
    let unread = rule.port_mask | rule.port_set == 0 || rule.flags & METHOD_L3 != 0;
    match (address_len, place.protocol) {
        // The ICMP header tells whether it is an error.
        (4, ICMP) | (16, ICMPV6) => layer4 + 8,
        // AH is read like any extension header at first; in a later fragment, `layer4` is the
        // offset of the fragment header.
        (16, AH) if unread => layer4 + 2,
        (16, _) if place.ports.is_none() => layer4 + 4,
        _ if unread => layer4,
        _ => layer4.max(place.ports.map_or(0, |at| at + 4)),
    }
}

/// The packet in the other direction.
pub(crate) fn reversed(packet: &[u8], place: &Place) -> Vec<u8> {
    let mut packet = packet.to_vec();
    let len = place.family.address_len();
    packet[place.addresses..][..2 * len].rotate_left(len);
    if let Some(at) = place.ports {
        packet[at..][..4].rotate_left(2);
    }
    packet
}

/// The rule that treats the other direction as `rule` treats this one.
pub(crate) fn reversed_rule(rule: &Info) -> Info {
    Info {
        src_mask: rule.dst_mask,
        dst_mask: rule.src_mask,
        port_mask: rule.port_mask.rotate_left(16),
        port_set: rule.port_set.rotate_left(16),
        ..*rule
    }
}
