// SPDX-License-Identifier: GPL-2.0-only

//! The path from a packet to its mark: place, tuple, hash, bucket, merged mark.

use super::packet::InPlace;
use super::rule::{Rule, Selection, Source};
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
    if rule.is_light() {
        return then_by_rule(family, packet, rule.light(), then);
    }
    if !rule.is_heavy() {
        // The compiler knows here that there is no key and no tunnel.
        return then_by_rule(family, packet, rule, then);
    }
    match family {
        Family::Ipv4 => then_by_heavy_rule::<IPV4, _, _, _, _>(packet, rule, then),
        Family::Ipv6 => then_by_heavy_rule::<IPV6, _, _, _, _>(packet, rule, then),
    }
}

/// The path of rules with options that need many registers, of which other rules have none.
#[inline(never)]
fn then_by_heavy_rule<const IPV6: bool, P, R, F, T>(packet: &P, rule: &R, then: F) -> T
where
    P: Packet + ?Sized,
    R: Rule,
    F: FnOnce(&P, Option<u32>) -> T,
{
    then_by_rule(family::<IPV6>(), packet, rule, then)
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
    // The fast path: a complete packet that is not ICMP, has no extension headers, and whose headers
    // can be read in place.
    let in_place = &InPlace(packet);
    if let Some(place) = walk::plain(family, in_place, 0) {
        if rule.looks_into_tunnels() && tunnel::is_entrance(in_place, &place, rule.tunnels()) {
            return match family {
                Family::Ipv4 => then_by_tunnel::<IPV4, _, _, _, _>(
                    packet,
                    place.protocol,
                    place.transport,
                    rule,
                    then,
                ),
                Family::Ipv6 => then_by_tunnel::<IPV6, _, _, _, _>(
                    packet,
                    place.protocol,
                    place.transport,
                    rule,
                    then,
                ),
            };
        }
        if let Some(tuple) = Tuple::complete(in_place, &place, &rule.selection()) {
            return then(packet, Some(merged(packet, &tuple, rule)));
        }
    }
    match family {
        Family::Ipv4 => then_by_any::<IPV4, _, _, _, _>(packet, rule, then),
        Family::Ipv6 => then_by_any::<IPV6, _, _, _, _>(packet, rule, then),
    }
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

/// The path of a tunnel's packet that can be read in place.
#[inline(never)]
fn then_by_tunnel<const IPV6: bool, P, R, F, T>(
    packet: &P,
    protocol: u8,
    transport: u32,
    rule: &R,
    then: F,
) -> T
where
    P: Packet + ?Sized,
    R: Rule,
    F: FnOnce(&P, Option<u32>) -> T,
{
    match tunnel::payload(&InPlace(packet), protocol, transport, rule.tunnels()) {
        Some((Family::Ipv4, at)) => then_by_inner::<IPV6, IPV4, _, _, _, _>(packet, at, rule, then),
        Some((Family::Ipv6, at)) => then_by_inner::<IPV6, true, _, _, _, _>(packet, at, rule, then),
        None => then_by_any::<IPV6, _, _, _, _>(packet, rule, then),
    }
}

/// The path of a tunnel's packet, the one inside of which starts at `network`.
#[inline(never)]
fn then_by_inner<const IPV6: bool, const INNER_IPV6: bool, P, R, F, T>(
    packet: &P,
    network: u32,
    rule: &R,
    then: F,
) -> T
where
    P: Packet + ?Sized,
    R: Rule,
    F: FnOnce(&P, Option<u32>) -> T,
{
    let (family, in_place) = (family::<INNER_IPV6>(), &InPlace(packet));
    if let Some(place) = walk::plain(family, in_place, network) {
        let selection = inner_selection::<IPV6, _>(family, rule);
        if let Some(tuple) = Tuple::complete(in_place, &place, &selection) {
            return then(packet, Some(merged(packet, &tuple, rule)));
        }
    }
    then_by_any::<IPV6, _, _, _, _>(packet, rule, then)
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
    let family = family::<IPV6>();
    let (_, tuple) = found_tuple(family, packet, walk::find(family, packet, 0), rule)?;
    Some(tuple)
}

const fn family<const IPV6: bool>() -> Family {
    match IPV6 {
        true => Family::Ipv6,
        false => Family::Ipv4,
    }
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

/// The tuple of the headers that the walk found, or of those that a tunnel has inside: then with their
/// place.
///
/// [`None`] if the packet's mark is to be left alone.
#[inline(always)]
pub(super) fn found_tuple<P: Packet + ?Sized, R: Rule>(
    family: Family,
    packet: &P,
    found: Found,
    rule: &R,
) -> Option<(Option<Place>, Tuple)> {
    match found {
        Found::Untouched => None,
        Found::Nothing => Some((None, Tuple::empty(family))),
        Found::At(place) => match inner_tuple(family, packet, &place, rule) {
            Some((inner, tuple)) => Some((Some(inner), tuple)),
            None => Some((None, Tuple::of(packet, &place, &rule.selection())?)),
        },
    }
}

/// Place and tuple of the packet inside the tunnel's packet at a place.
///
/// [`None`] if that is not one that the rule looks into, or the inner packet cannot be followed.
#[inline(always)]
fn inner_tuple<P: Packet + ?Sized, R: Rule>(
    family: Family,
    packet: &P,
    place: &Place,
    rule: &R,
) -> Option<(Place, Tuple)> {
    if !rule.looks_into_tunnels() {
        return None;
    }
    let inner = tunnel::inner(packet, place, rule.tunnels())?;
    let selection = match family {
        Family::Ipv4 => inner_selection::<IPV4, _>(inner.family, rule),
        Family::Ipv6 => inner_selection::<IPV6, _>(inner.family, rule),
    };
    let tuple = Tuple::complete(packet, &inner, &selection)?;
    Some((inner, tuple))
}

/// The selection of a rule for an inner packet of this family.
#[inline(always)]
fn inner_selection<const IPV6: bool, R: Rule>(inner: Family, rule: &R) -> Selection<'_> {
    let family = family::<IPV6>();
    match inner == family {
        true => rule.selection(),
        false => rule.selection().for_other_family(family),
    }
}

#[inline(always)]
fn merged<P: Packet + ?Sized, R: Rule>(packet: &P, tuple: &Tuple, rule: &R) -> u32 {
    rule.merge(packet.mark(), rule.bucket(rule.hash(tuple)))
}
