// SPDX-License-Identifier: GPL-2.0-only

//! The path from a packet to its mark: place, tuple, hash, bucket, merged mark.

use super::packet::InPlace;
use super::rule::{Rule, Source};
use super::tuple::Tuple;
use super::walk::{self, tunnel, Found};
use super::{Connection, Ends, Family, Packet, Place};

/// The new mark of a packet.
///
/// [`None`] if the packet's mark is to be left alone: either the rule hashes connections and
/// conntrack does not track the packet (yet), or the packet is an ICMP error and the walk cannot
/// follow the packet that it quotes.
#[inline(always)]
pub fn mark<P: Packet + ?Sized, R: Rule>(family: Family, packet: &P, rule: &R) -> Option<u32> {
    mark_then(family, packet, rule, |_, mark| mark)
}

/// Like [`mark`], but passes the packet and the mark to `then`, and returns its result.
///
/// In the kernel, `then` sets the packet's mark. Each slow path calls it from a function of its
/// own, so that the fast path has nothing to keep in registers across a call.
#[inline(always)]
pub fn mark_then<P, R, F, T>(family: Family, packet: &P, rule: &R, then: F) -> T
where
    P: Packet + ?Sized,
    R: Rule,
    F: FnOnce(&P, Option<u32>) -> T,
{
    match rule.light() {
        Some(rule) => then_by_rule(family, packet, rule, then),
        None => then_by_rule(family, packet, rule, then),
    }
}

#[inline(always)]
fn then_by_rule<P, R, F, T>(family: Family, packet: &P, rule: &R, then: F) -> T
where
    P: Packet + ?Sized,
    R: Rule,
    F: FnOnce(&P, Option<u32>) -> T,
{
    if rule.source() == Source::Connection {
        return then_by_connection(packet, rule, then);
    }
    match plain_tuple(family, packet, rule) {
        Some(tuple) => then(packet, Some(merged(packet, &tuple, rule))),
        None => match family {
            Family::Ipv4 => then_by_any::<IPV4, _, _, _, _>(packet, rule, then),
            Family::Ipv6 => then_by_any::<IPV6, _, _, _, _>(packet, rule, then),
        },
    }
}

/// The fast path: the tuple of a complete packet that is neither ICMP nor a tunnel's, has no
/// extension headers, and whose headers can be read in place.
///
/// [`None`] for any other packet.
#[inline(always)]
fn plain_tuple<P: Packet + ?Sized, R: Rule>(family: Family, packet: &P, rule: &R) -> Option<Tuple> {
    let packet = &InPlace(packet);
    let place = walk::plain(family, packet)?;
    if tunnel::may_be(place.protocol, rule.tunnels()) {
        return None;
    }
    Tuple::complete(packet, &place, &rule.selection())
}

// The slow paths are not inlined, so that they cost the fast path no registers and no stack. Each
// family has its own.

const IPV4: bool = false;
const IPV6: bool = true;

#[cold]
#[inline(never)]
fn then_by_connection<P, R, F, T>(packet: &P, rule: &R, then: F) -> T
where
    P: Packet + ?Sized,
    R: Rule,
    F: FnOnce(&P, Option<u32>) -> T,
{
    let tuple = hashed_connection(packet, rule)
        .map(|connection| Tuple::of_connection(&connection, &rule.selection()));
    then(packet, tuple.map(|tuple| merged(packet, &tuple, rule)))
}

#[cold]
#[inline(never)]
fn then_by_any<const IPV6: bool, P, R, F, T>(packet: &P, rule: &R, then: F) -> T
where
    P: Packet + ?Sized,
    R: Rule,
    F: FnOnce(&P, Option<u32>) -> T,
{
    if !packet.is_linear() {
        return then_by_paged::<IPV6, _, _, _, _>(packet, rule, then);
    }
    // All headers of a linear packet can be read in place: this walk has no code to copy them.
    let tuple = walked_tuple::<IPV6, _, _>(&InPlace(packet), rule);
    then(packet, tuple.map(|tuple| merged(packet, &tuple, rule)))
}

#[cold]
#[inline(never)]
fn then_by_paged<const IPV6: bool, P, R, F, T>(packet: &P, rule: &R, then: F) -> T
where
    P: Packet + ?Sized,
    R: Rule,
    F: FnOnce(&P, Option<u32>) -> T,
{
    let tuple = walked_tuple::<IPV6, _, _>(packet, rule);
    then(packet, tuple.map(|tuple| merged(packet, &tuple, rule)))
}

#[inline(always)]
fn walked_tuple<const IPV6: bool, P, R>(packet: &P, rule: &R) -> Option<Tuple>
where
    P: Packet + ?Sized,
    R: Rule,
{
    let family = match IPV6 {
        true => Family::Ipv6,
        false => Family::Ipv4,
    };
    found_tuple(family, packet, walk::find(family, packet, 0), rule)
}

/// The packet's connection, if the rule hashes it.
#[inline(always)]
pub(super) fn hashed_connection<P: Packet + ?Sized, R: Rule>(
    packet: &P,
    _rule: &R,
) -> Option<Connection> {
    let connection = packet.connection()?;
    let is_template = matches!(connection.ends, Ends::None);
    (R::HASHES_TEMPLATES || !is_template).then_some(connection)
}

/// The tuple of the headers that the walk found, or of those that a tunnel has inside.
///
/// [`None`] if the packet's mark is to be left alone.
#[inline(always)]
pub(super) fn found_tuple<P: Packet + ?Sized, R: Rule>(
    family: Family,
    packet: &P,
    found: Found,
    rule: &R,
) -> Option<Tuple> {
    match found {
        Found::Untouched => None,
        Found::Nothing => Some(Tuple::empty(family)),
        Found::At(place) => match inner_tuple(family, packet, &place, rule) {
            Some((_, tuple)) => Some(tuple),
            None => Tuple::of(packet, &place, &rule.selection()),
        },
    }
}

/// Place and tuple of the packet inside the tunnel's packet at a place.
///
/// [`None`] if that is not one that the rule looks into, or the inner packet cannot be followed.
#[inline(always)]
pub(super) fn inner_tuple<P: Packet + ?Sized, R: Rule>(
    family: Family,
    packet: &P,
    place: &Place,
    rule: &R,
) -> Option<(Place, Tuple)> {
    let inner = tunnel::inner(packet, place, rule.tunnels())?;
    let selection = match inner.family == family {
        true => rule.selection(),
        false => rule.selection().for_other_family(),
    };
    let tuple = Tuple::complete(packet, &inner, &selection)?;
    Some((inner, tuple))
}

#[inline(always)]
fn merged<P: Packet + ?Sized, R: Rule>(packet: &P, tuple: &Tuple, rule: &R) -> u32 {
    rule.merge(packet.mark(), rule.bucket(rule.hash(tuple)))
}
