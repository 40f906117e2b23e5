// SPDX-License-Identifier: GPL-2.0-only

//! Gateways that packets cannot reach.

use std::net::IpAddr;

use super::hops::{hops, is_on_link, MarkHop};
use super::site::folded;
use super::{Found, Site};
use crate::net::family;
use crate::routing::{Hop, PROTOCOL};

/// The most gateways that are named at once.
const MOST_NAMES: usize = 8;

/// Gateways that do not answer ARP or neighbour discovery.
pub fn failed(site: &Site<'_>, all: &mut Vec<Found>) {
    let Some(neighbours) = site.host.neighbours.get() else {
        return;
    };
    let is_lost = |hop: &Hop| {
        let neighbour = neighbours.find(hop.gateway?, hop.device.as_deref())?;
        let is_lost = |state: &String| matches!(state.as_str(), "FAILED" | "INCOMPLETE");
        Some(neighbour.states.iter().any(is_lost))
    };
    let every = hops(site);
    for one in &every {
        let MarkHop {
            hop, table, marks, ..
        } = one;
        let Some(gateway) = hop.gateway.filter(|_| is_lost(hop) == Some(true)) else {
            continue;
        };
        // The gateway of the next mark that answers stands in.
        let at = every.iter().position(|other| std::ptr::eq(other, one));
        let next = every.iter().cycle().skip(at.unwrap_or(0)).take(every.len());
        let mut others = next.filter_map(|other| {
            let other = other.hop;
            other.gateway.filter(|_| is_lost(other) == Some(false))
        });
        let stand_in = others.find(|other| *other != gateway);
        let stand_in = stand_in.map_or("STANDIN".to_owned(), |other| other.to_string());
        // The script of a plan takes back what is done to its routes in another way.
        let is_planned = one.route.owner() == Some(PROTOCOL);
        let drain = site.drain(marks).filter(|_| is_planned);
        all.push(Found {
            place: Some(format!("table {table}")),
            marks: marks.clone(),
            sentence: format!(
                "the gateway of mark {}, {gateway}, does not answer: its packets are lost",
                folded(marks)
            ),
            remedy: format!(
                "repair the gateway or its link; until then route its mark to another gateway, or {}",
                site.weight_0(marks)
            ),
            commands: vec![drain.unwrap_or_else(|| one.replace(site, &stand_in))],
        });
    }
}

/// Devices that are down.
pub fn device_down(site: &Site<'_>, all: &mut Vec<Found>) {
    for MarkHop {
        hop, table, marks, ..
    } in hops(site)
    {
        let Some(device) = &hop.device else {
            continue;
        };
        let links = site.host.links.get();
        let is_down =
            links.is_some_and(|links| !links.find(device).is_some_and(|link| link.is_up()));
        if !(is_down || hop.is_dead || hop.has_no_link) {
            continue;
        }
        all.push(Found {
            place: Some(format!("table {table}")),
            marks: marks.clone(),
            sentence: format!(
                "the device of mark {}, {device}, is down or has no link",
                folded(&marks)
            ),
            remedy: "bring it up, or mend its link".to_owned(),
            commands: vec![format!("ip link set {device} up")],
        });
    }
}

/// Gateways outside the networks of their device.
pub fn not_on_link(site: &Site<'_>, all: &mut Vec<Found>) {
    for MarkHop {
        hop, table, marks, ..
    } in hops(site)
    {
        let Some(gateway) = hop.gateway else {
            continue;
        };
        // A route of IPv4 may lead to an IPv6 gateway.
        let Some(routes) = site.host.side(family(gateway)).routes.get() else {
            continue;
        };
        let is_link_local =
            matches!(gateway, IpAddr::V6(address) if address.is_unicast_link_local());
        if is_link_local
            || site.is_own(gateway)
            || is_on_link(routes, table, gateway, hop.device.as_deref())
        {
            continue;
        }
        let device = hop.device.as_deref().unwrap_or("its device");
        all.push(Found {
            place: Some(format!("table {table}")),
            marks: marks.clone(),
            sentence: format!(
                "the gateway of mark {}, {gateway}, is on no network of {device}: unless the route says \
                 \"onlink\", it cannot be reached",
                folded(&marks)
            ),
            remedy: "give the device an address in the gateway's network, or name the right gateway".to_owned(),
            commands: vec![format!("{} address add ADDRESS/LENGTH dev {device}", site.ip())],
        });
    }
}

/// Gateways that are the host itself.
pub fn own(site: &Site<'_>, all: &mut Vec<Found>) {
    for one in hops(site) {
        let MarkHop {
            hop, table, marks, ..
        } = &one;
        let Some(gateway) = hop.gateway.filter(|gateway| site.is_own(*gateway)) else {
            continue;
        };
        all.push(Found {
            place: Some(format!("table {table}")),
            marks: marks.clone(),
            sentence: format!(
                "the gateway of mark {}, {gateway}, is an address of this host: packets go nowhere",
                folded(marks)
            ),
            remedy: "name the gateway's address".to_owned(),
            commands: vec![one.replace(site, "GATEWAY")],
        });
    }
}

/// Sentences about gateways that nobody has asked for yet, so that it is not known whether they answer.
pub fn unasked(site: &Site<'_>) -> Option<String> {
    let neighbours = site.host.neighbours.get()?;
    let mut unasked: Vec<String> = Vec::new();
    for one in hops(site) {
        let Some(gateway) = one.hop.gateway else {
            continue;
        };
        let neighbour = neighbours.find(gateway, one.hop.device.as_deref());
        let shown = format!("{gateway} (mark {})", folded(&one.marks));
        if neighbour.is_none() && !site.is_own(gateway) && !unasked.contains(&shown) {
            unasked.push(shown);
        }
    }
    let more = unasked.len().saturating_sub(MOST_NAMES);
    unasked.truncate(MOST_NAMES);
    if more > 0 {
        unasked.push(format!("and {more} more"));
    }
    (!unasked.is_empty()).then(|| {
        format!(
            "the host has not asked for these gateways yet, so they may not answer: {}",
            unasked.join(", ")
        )
    })
}
