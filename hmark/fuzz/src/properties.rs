// SPDX-License-Identifier: GPL-2.0-only

//! What must hold for any rule, packet and connection.

use crate::input::{Input, Subject};
use crate::naive::{self, Found, Place, AH, ICMP, ICMPV6};
use crate::pieces::Pieces;
use hmark::rule::flag::METHOD_L3;
use hmark::{
    mark_connection, mark_ipv4, mark_ipv6, mark_plain_ipv4, mark_plain_ipv6, Connection, Rule,
};

/// No packet is worth more reads than this: one for its IP header, three for each of 12 extension
/// headers and one for the 13th, one for an ICMP error, all of it again for what that quotes, and
/// one for ports.
const MOST_READS: usize = 2 * (1 + 3 * 12 + 1 + 1) + 1;

/// Panics if any property does not hold for this input.
///
/// Returns what there was to hash: [`None`] for a connection, and for an input that is too short.
pub fn check(input: &[u8]) -> Option<Found> {
    let Input {
        rule,
        subject,
        cuts,
    } = Input::parse(input)?;
    match subject {
        Subject::Ipv4(packet) => {
            let found = naive::ipv4(packet);
            check_packet(packet, found, &rule, cuts, mark_ipv4, mark_ipv4);
            let plain = mark_plain_ipv4(packet, &rule);
            assert!(
                plain.is_none() || plain == mark_ipv4(packet, &rule),
                "{rule:x?}"
            );
            Some(found)
        }
        Subject::Ipv6(packet) => {
            let found = naive::ipv6(packet);
            check_packet(packet, found, &rule, cuts, mark_ipv6, mark_ipv6);
            let plain = mark_plain_ipv6(packet, &rule);
            assert!(
                plain.is_none() || plain == mark_ipv6(packet, &rule),
                "{rule:x?}"
            );
            Some(found)
        }
        Subject::Connection(connection) => {
            check_connection(&connection, &rule);
            None
        }
    }
}

/// `mark` and `mark_pieces` are one function of `hmark`, for two kinds of packets.
fn check_packet(
    packet: &[u8],
    found: Found,
    rule: &Rule,
    cuts: [usize; 2],
    mark: impl Fn(&[u8], &Rule) -> Option<u32>,
    mark_pieces: impl Fn(&Pieces, &Rule) -> Option<u32>,
) {
    let result = mark(packet, rule);
    assert_eq!(result, naive::mark(packet, found, rule), "{rule:x?}");
    assert!(result.is_none_or(|mark| in_range(mark, rule)), "{rule:x?}");

    let pieces = Pieces::new(packet, cuts);
    assert_eq!(result, mark_pieces(&pieces, rule), "{cuts:?} {rule:x?}");
    assert!(pieces.reads.get() <= MOST_READS, "{rule:x?}");

    let Found::Tuple(place) = found else {
        return;
    };
    let reach = pieces.reach.get();
    assert!(reach <= may_reach(&place, rule), "{place:x?} {rule:x?}");
    // What lies behind the bytes that a mark is made of does not matter.
    if !pieces.refused.get() {
        let longer = [packet, &[0xff; 64]].concat();
        assert_eq!(result, mark(&longer, rule), "longer: {rule:x?}");
        if !pieces.measured.get() {
            assert_eq!(result, mark(&packet[..reach], rule), "{reach} {rule:x?}");
        }
    }
    // Where a header claims to be too short, ports and addresses overlap.
    if place.upright {
        let reverse = reversed(packet, &place);
        assert_eq!(result, mark(&reverse, &reversed_rule(rule)), "{rule:x?}");
    }
}

fn check_connection(connection: &Connection, rule: &Rule) {
    let mark = mark_connection(connection, rule);
    assert_eq!(mark, naive::mark_connection(connection, rule), "{rule:x?}");
    assert!(in_range(mark, rule), "{rule:x?}");
    let reverse = Connection {
        original_src: connection.reply_src,
        reply_src: connection.original_src,
        original_port: connection.reply_port,
        reply_port: connection.original_port,
        ..*connection
    };
    assert_eq!(mark, mark_connection(&reverse, &reversed_rule(rule)));
}

/// Whether a mark is one of the rule's.
///
/// A rule with no bucket is never installed; it has its offset for a mark.
fn in_range(mark: u32, rule: &Rule) -> bool {
    assert!(rule.check().is_err() || rule.hmodulus > 0);
    mark.wrapping_sub(rule.hoffset) < rule.hmodulus.max(1)
}

/// How far into a packet a rule makes anyone look: not beyond what it hashes.
fn may_reach(place: &Place, rule: &Rule) -> usize {
    let ip = place.addresses + 2 * place.address_len;
    let layer4 = place.layer4.max(ip);
    let unread = rule.port_mask | rule.port_set == 0 || rule.flags & METHOD_L3 != 0;
    match (place.address_len, place.protocol) {
        // Whether it is an error.
        (4, ICMP) | (16, ICMPV6) => layer4 + 8,
        // An extension header like any other, to begin with; or a later fragment's header.
        (16, AH) if unread => layer4 + 2,
        (16, _) if place.ports.is_none() => layer4 + 4,
        _ if unread => layer4,
        _ => layer4.max(place.ports.map_or(0, |at| at + 4)),
    }
}

/// The packet of the other direction.
fn reversed(packet: &[u8], place: &Place) -> Vec<u8> {
    let mut packet = packet.to_vec();
    packet[place.addresses..][..2 * place.address_len].rotate_left(place.address_len);
    if let Some(at) = place.ports {
        packet[at..][..4].rotate_left(2);
    }
    packet
}

/// The rule that treats the other direction as this one treats a packet.
fn reversed_rule(rule: &Rule) -> Rule {
    Rule {
        src_mask: rule.dst_mask,
        dst_mask: rule.src_mask,
        port_mask: rule.port_mask.rotate_left(16),
        port_set: rule.port_set.rotate_left(16),
        ..*rule
    }
}
