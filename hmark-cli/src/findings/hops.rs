// SPDX-License-Identifier: GPL-2.0-only

//! The gateways and devices of the tables of marks.

use std::collections::HashSet;
use std::net::IpAddr;

use super::tables::by_table;
use super::Site;
use crate::net::{family, Net};
use crate::routing::{Hop, Kind, Route, Routes};

/// A hop of a mark's table.
pub struct MarkHop<'h> {
    /// The hop.
    pub hop: &'h Hop,
    /// Its route.
    pub route: &'h Route,
    /// The table.
    pub table: &'h str,
    /// The table's marks.
    pub marks: Vec<u32>,
}

impl MarkHop<'_> {
    /// The command that gives its route, or its nexthop object, another gateway.
    pub fn replace(&self, site: &Site<'_>, gateway: &str) -> String {
        let (destination, table) = (self.route.destination.destination(), self.table);
        if let Some(id) = self.route.nexthop_id {
            let device = self.hop.device.as_deref().unwrap_or("DEVICE");
            let owner = self.route.owner();
            let owner = owner.map_or(String::new(), |owner| format!(" proto {owner}"));
            return format!("ip nexthop replace id {id} via {gateway} dev {device}{owner}");
        }
        // Without a family, ip takes that of the gateway.
        let (ip, gateway) = match gateway.parse() {
            Ok(address) if family(address) != site.family => ("ip -4", format!("inet6 {gateway}")),
            _ => (site.ip(), gateway.to_owned()),
        };
        format!("{ip} route replace {destination} via {gateway} table {table}")
    }
}

/// The hops of all marks' tables.
pub fn hops<'h>(site: &Site<'h>) -> Vec<MarkHop<'h>> {
    let mut hops = Vec::new();
    if site.routes.is_none() {
        return hops;
    }
    for (table, marks) in by_table(site) {
        let routes = site.routes_of(table);
        // All are of one family.
        let key = |net: &Net| (net.number(), net.length());
        let nets: HashSet<_> = routes.iter().map(|route| key(&route.destination)).collect();
        for route in routes {
            // Routes to its halves take all of its packets, as those of hmark weight do.
            let halves = route.destination.halves();
            if halves.is_some_and(|halves| halves.iter().all(|half| nets.contains(&key(half)))) {
                continue;
            }
            hops.extend(route.hops.iter().map(|hop| MarkHop {
                hop,
                route,
                table,
                marks: marks.clone(),
            }));
        }
    }
    hops
}

/// Whether a route of the main table, or of another one, leads to an address without a gateway, by a device.
pub fn is_on_link(routes: &Routes, table: &str, address: IpAddr, device: Option<&str>) -> bool {
    let both = routes.to("main", address).chain(routes.to(table, address));
    both.flatten().any(|route| {
        let is_direct = |hop: &Hop| {
            hop.gateway.is_none() && (device.is_none() || hop.device.as_deref() == device)
        };
        route.kind == Kind::Unicast && route.hops.iter().any(is_direct)
    })
}
