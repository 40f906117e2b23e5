// SPDX-License-Identifier: GPL-2.0-only

//! The way from a packet to its mark: place, tuple, hash, bucket, merged mark.

use super::packet::InPlace;
use super::rule::{Rule, Source};
use super::tuple::Tuple;
use super::walk::{self, Found};
use super::{Family, Packet};

/// The new mark of a packet whose mark is `old`.
///
/// [`None`]: the packet's mark is left alone, since the rule hashes connections and conntrack does
/// not track the packet (yet), or since an ICMP error quotes a packet that the walk cannot follow.
#[inline(always)]
pub fn mark<P: Packet + ?Sized, R: Rule>(
    family: Family,
    packet: &P,
    rule: &R,
    old: u32,
) -> Option<u32> {
    match rule.source() {
        Source::Connection => by_connection(packet, rule, old),
        Source::Packet => match plain_tuple(family, packet, rule) {
            Some(tuple) => Some(hashed(&tuple, rule, old)),
            None => match family {
                Family::Ipv4 => by_any_ipv4(packet, rule, old),
                Family::Ipv6 => by_any_ipv6(packet, rule, old),
            },
        },
    }
}

/// Fast path: a complete packet, neither ICMP nor with extension headers, whose headers can be read
/// in place.
///
/// [`None`] for any other packet.
#[inline(always)]
fn plain_tuple<P: Packet + ?Sized, R: Rule>(family: Family, packet: &P, rule: &R) -> Option<Tuple> {
    let packet = &InPlace(packet);
    let place = walk::plain(family, packet)?;
    Tuple::complete(family, packet, &place, &rule.selection())
}

// Not inlined, so that none takes registers or stack from the fast path.

#[inline(never)]
fn by_connection<P: Packet + ?Sized, R: Rule>(packet: &P, rule: &R, old: u32) -> Option<u32> {
    let tuple = Tuple::of_connection(&packet.connection()?, &rule.selection());
    Some(hashed(&tuple, rule, old))
}

#[inline(never)]
fn by_any_ipv4<P: Packet + ?Sized, R: Rule>(packet: &P, rule: &R, old: u32) -> Option<u32> {
    by_any(Family::Ipv4, packet, rule, old)
}

#[inline(never)]
fn by_any_ipv6<P: Packet + ?Sized, R: Rule>(packet: &P, rule: &R, old: u32) -> Option<u32> {
    by_any(Family::Ipv6, packet, rule, old)
}

#[inline(always)]
fn by_any<P: Packet + ?Sized, R: Rule>(
    family: Family,
    packet: &P,
    rule: &R,
    old: u32,
) -> Option<u32> {
    let tuple = any_tuple(family, packet, walk::find(family, packet), rule)?;
    Some(hashed(&tuple, rule, old))
}

/// The tuple of what the walk found; [`None`] if the packet's mark is to be left alone.
#[inline(always)]
pub(super) fn any_tuple<P: Packet + ?Sized, R: Rule>(
    family: Family,
    packet: &P,
    found: Found,
    rule: &R,
) -> Option<Tuple> {
    match found {
        Found::Untouched => None,
        Found::Nothing => Some(Tuple::default()),
        Found::At(place) => Tuple::of(family, packet, &place, &rule.selection()),
    }
}

#[inline(always)]
fn hashed<R: Rule>(tuple: &Tuple, rule: &R, old: u32) -> u32 {
    rule.merge(old, rule.bucket(rule.hash(tuple)))
}
