// SPDX-License-Identifier: GPL-2.0-only

//! Properties that hold for any rule of revision 1, packet and connection.

use crate::input::Subject;
use crate::input_v1::Input;
use crate::pieces::{Pieces, Tracked, Whole};
use crate::properties::{agree, reversed, reversed_rule, MOST_READS};
use crate::wire;
use hmark::rule::v1::{flag, Masked, WEIGHTS};
use hmark::rule::{v1, Rule};
use hmark::{explain, mark, Connection, Family, Steps};
use naive::Found;

/// The most reads between the outer packet and the inner one: ports, header and fields of GTP-U, three
/// of each of eight extension headers, the version, three Ethernet types, and the inner header.
const MOST_READS_OF_A_TUNNEL: usize = 1 + 2 + 3 * 8 + 1 + 3 + 1;

/// What an input was, for those who count them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// A rule that the kernel refuses.
    Refused,
    /// A connection.
    Connection,
    /// A packet, by the headers found.
    Packet(Found),
}

/// Checks an input of revision 1, and panics if any property does not hold.
///
/// [`None`] for an input that is too short.
pub fn check_v1(input: &[u8]) -> Option<Checked> {
    let Input {
        rule,
        subject,
        old,
        cuts,
    } = Input::parse(input)?;
    let result = rule.check();
    let is_accepted = wire::rule_v1(&rule).is_accepted();
    assert_eq!(result.is_ok(), is_accepted, "{result:?} {rule:x?}");
    if !is_accepted {
        return Some(Checked::Refused);
    }
    Some(match subject {
        Subject::Packet(family, packet) => {
            Checked::Packet(check_packet(family, packet, &rule, old, cuts))
        }
        Subject::Connection(connection) => {
            check_connection(&connection, &rule, old);
            Checked::Connection
        }
    })
}

fn check_packet(
    family: Family,
    packet: &[u8],
    rule: &v1::Info,
    old: u32,
    cuts: [usize; 2],
) -> Found {
    let naive_rule = wire::rule_v1(rule);
    let find = |packet: &[u8]| naive::find(wire::family(family), packet, &naive_rule);
    let found = find(packet);
    let result = mark(family, &Whole::new(packet, old), rule);
    let naive = naive::mark_found(wire::family(family), packet, found, &naive_rule, old);
    assert_eq!(result, naive, "{found:x?} {rule:x?}");

    let explanation = explain(family, &Whole::new(packet, old), rule);
    let explained = explanation.steps.map(|steps| steps.mark);
    assert_eq!(result, explained, "{explanation:x?} {rule:x?}");
    check_place(family, packet, &explanation, found);
    if let Some(steps) = explanation.steps {
        check_steps(&steps, rule, old);
    }
    if !rule.has(flag::NEW) {
        let old_revision = mark(family, &Whole::new(packet, old), &rule.masked.v0);
        assert_eq!(result, old_revision, "{rule:x?}");
    }

    let pieces = Pieces::new(packet, cuts, old);
    assert_eq!(result, mark(family, &pieces, rule), "{cuts:?} {rule:x?}");
    let most = 2 * MOST_READS + MOST_READS_OF_A_TUNNEL;
    assert!(pieces.reads.get() <= most, "{rule:x?}");
    let Found::Tuple(place) = found else {
        return found;
    };
    // Bytes after those that the mark is computed from do not matter, unless there are too few for the
    // packet inside.
    let ends_early = pieces.refused.get() || (pieces.measured.get() && !place.inner);
    if !ends_early {
        let longer = [packet, &[0xff; 64]].concat();
        let marked = mark(family, &Whole::new(&longer, old), rule);
        assert_eq!(result, marked, "longer: {rule:x?}");
        if !pieces.measured.get() {
            let reach = pieces.reach.get();
            let marked = mark(family, &Whole::new(&packet[..reach], old), rule);
            assert_eq!(result, marked, "{reach} {rule:x?}");
        }
    }
    let reverse = reversed(packet, &place);
    // Ports of the other direction may be those of a tunnel.
    if place.upright && find(&reverse) == found {
        let rule = other_direction(rule);
        let marked = mark(family, &Whole::new(&reverse, old), &rule);
        assert_eq!(result, marked, "{rule:x?}");
    }
    found
}

/// Checks that `hmark` found the headers that the naive walk did, inside or outside of a tunnel.
fn check_place(family: Family, packet: &[u8], explanation: &hmark::Explanation, found: Found) {
    let hmark::Subject::Packet(walked) = explanation.subject else {
        panic!("a packet is no connection: {explanation:x?}");
    };
    let agrees = match (explanation.inner, found) {
        (Some(inner), Found::Tuple(place)) => {
            place.inner && agree(inner.family, hmark::Found::At(inner), found)
        }
        (Some(_), _) => false,
        (None, Found::Tuple(place)) => !place.inner && agree(family, walked, found),
        (None, _) => agree(family, walked, found),
    };
    assert!(agrees, "{explanation:x?} {found:x?} {}", packet.len());
}

fn check_connection(connection: &Connection, rule: &v1::Info, old: u32) {
    let tracked = |connection| Tracked {
        connection,
        mark: old,
    };
    // The packet's own family makes no difference here.
    let result = mark(Family::Ipv4, &tracked(*connection), rule);
    let naive = naive::mark_connection(&wire::connection(connection), &wire::rule_v1(rule), old);
    assert_eq!(result, naive, "{connection:x?} {rule:x?}");
    let explanation = explain(Family::Ipv4, &tracked(*connection), rule);
    let explained = explanation.steps.map(|steps| steps.mark);
    assert_eq!(result, explained, "{explanation:x?} {rule:x?}");
    if let Some(steps) = explanation.steps {
        check_steps(&steps, rule, old);
    }
    let reverse = tracked(connection.reversed());
    let marked = mark(Family::Ipv6, &reverse, &other_direction(rule));
    assert_eq!(result, marked, "{rule:x?}");
    if !rule.has(flag::NEW) && result.is_some() {
        let old_revision = mark(Family::Ipv6, connection, &rule.masked.v0);
        assert_eq!(result, old_revision, "{rule:x?}");
    }
}

/// Checks what becomes of a hash.
fn check_steps(steps: &Steps, rule: &v1::Info, old: u32) {
    let Steps {
        hash, bucket, mark, ..
    } = *steps;
    let Masked { v0, mark_mask } = rule.masked;
    assert!(bucket < v0.hmodulus, "{bucket} {rule:x?}");
    match rule.has(flag::MASK) {
        false => assert_eq!(mark, v0.hoffset.wrapping_add(bucket), "{rule:x?}"),
        true => {
            assert_eq!((mark ^ old) & !mark_mask, 0, "{mark:x} {old:x} {rule:x?}");
            let step = (mark & mark_mask) - v0.hoffset;
            assert_eq!(step >> mark_mask.trailing_zeros(), bucket, "{rule:x?}");
        }
    }
    let less = |mark: u32| rule.less.get(mark as usize).copied().unwrap_or(0);
    assert_ne!(less(bucket), 100, "weight 0: {rule:x?}");
    assert_eq!(rule.bucket(hash), bucket, "{rule:x?}");

    let drawn = |rule: &v1::Info| {
        let marks = rule.masked.v0.hmodulus;
        let from = match rule.has(flag::FROM) {
            true => rule.from,
            false => marks,
        };
        let drawn = naive::draw(hash, from, marks, &rule.less);
        assert_eq!(drawn.mark, rule.bucket(hash), "{hash:x} {rule:x?}");
        drawn
    };
    // Any less weight of a mark moves only its own flows, and any more only flows to it.
    let other = hash.rotate_left(7) % v0.hmodulus.min(WEIGHTS as u32);
    if v0.hmodulus <= WEIGHTS as u32 && less(other) != 100 {
        let mut lighter = *rule;
        lighter.masked.v0.flags |= flag::WEIGHT;
        lighter.less[other as usize] += 1 + (hash % u32::from(100 - less(other))) as u8;
        if lighter.check().is_ok() {
            let moved = drawn(&lighter).mark != bucket;
            assert!(!moved || bucket == other, "{hash:x} {other} {rule:x?}");
        }
    }
    // A mark more, of any weight, moves only flows to it, unless marks added refused too often.
    if v0.hmodulus < u32::MAX {
        let mut grown = *rule;
        if !rule.has(flag::FROM) {
            grown.masked.v0.flags |= flag::FROM;
            grown.from = v0.hmodulus;
        }
        grown.masked.v0.hmodulus += 1;
        // Masks have no say in what is drawn.
        grown.masked.v0.flags &= !flag::MASK;
        grown.masked.mark_mask = 0;
        if rule.has(flag::WEIGHT) && v0.hmodulus < WEIGHTS as u32 {
            grown.less[v0.hmodulus as usize] = (hash >> 8) as u8 % 101;
        }
        if grown.check().is_ok() {
            let drawn = drawn(&grown);
            let moved = drawn.mark != bucket && drawn.added < naive::MOST_ADDED;
            assert!(!moved || drawn.mark == v0.hmodulus, "{hash:x} {rule:x?}");
        }
    }
}

/// The rule that treats the other direction as `rule` treats this one.
fn other_direction(rule: &v1::Info) -> v1::Info {
    let mut other = *rule;
    other.masked.v0 = reversed_rule(&rule.masked.v0);
    other
}
