// SPDX-License-Identifier: GPL-2.0-only

//! Gateways that packets cannot reach.

use std::net::IpAddr;

use super::site::folded;
use super::tables::{hops, is_on_link};
use super::{Found, Site};
use crate::net::family;

/// Gateways that do not answer ARP or neighbour discovery.
pub fn failed(site: &Site<'_>, all: &mut Vec<Found>) {
    let Some(neighbours) = site.host.neighbours.get() else {
        return;
    };
    for (hop, table, marks) in hops(site) {
        let Some(gateway) = hop.gateway else {
            continue;
        };
        let neighbour = neighbours.find(gateway, hop.device.as_deref());
        let is_lost = |state: &String| matches!(state.as_str(), "FAILED" | "INCOMPLETE");
        if !neighbour.is_some_and(|neighbour| neighbour.states.iter().any(is_lost)) {
            continue;
        }
        all.push(Found {
            place: Some(format!("table {table}")),
            marks: marks.clone(),
            sentence: format!(
                "the gateway of mark {}, {gateway}, does not answer: its packets are lost",
                folded(&marks)
            ),
            remedy: "repair the gateway or its link; until then give its mark the weight 0, or route it to \
                     another gateway"
                .to_owned(),
            commands: vec![format!("{} route replace default via STANDIN table {table}", site.ip())],
        });
    }
}

/// Devices that are down.
pub fn device_down(site: &Site<'_>, all: &mut Vec<Found>) {
    for (hop, table, marks) in hops(site) {
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
    for (hop, table, marks) in hops(site) {
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
    for (hop, table, marks) in hops(site) {
        let Some(gateway) = hop.gateway.filter(|gateway| site.is_own(*gateway)) else {
            continue;
        };
        all.push(Found {
            place: Some(format!("table {table}")),
            marks: marks.clone(),
            sentence: format!(
                "the gateway of mark {}, {gateway}, is an address of this host: packets go nowhere",
                folded(&marks)
            ),
            remedy: "name the gateway's address".to_owned(),
            commands: vec![format!(
                "{} route replace default via GATEWAY table {table}",
                site.ip()
            )],
        });
    }
}
