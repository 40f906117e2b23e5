// SPDX-License-Identifier: GPL-2.0-only

//! The routes of a host, by table and network.

mod read;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;

use hmark::Family;

use crate::net::{self, Net};

/// The routes of a family, by table.
#[derive(Clone, Debug)]
pub struct Routes {
    /// The family.
    pub family: Family,
    tables: HashMap<String, Table>,
}

/// The routes of a table: by prefix length, then by network.
#[derive(Clone, Debug, Default)]
struct Table {
    lengths: BTreeMap<u32, HashMap<u128, Vec<Route>>>,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The network that it leads to.
    pub destination: Net,
    /// What becomes of packets.
    pub kind: Kind,
    /// Where packets go: none for a route that leads nowhere, and several for a multipath route.
    pub hops: Vec<Hop>,
    /// The route with the lowest metric is taken.
    pub metric: u32,
    /// A selector that is not followed: a type of service, or a network of sources.
    pub selector: Option<String>,
    /// The address that the host's own packets get as their source.
    pub preferred_source: Option<IpAddr>,
    /// The nexthop object that it uses.
    pub nexthop_id: Option<u32>,
    /// The number or name of who added it, such as `kernel`, `static` or `72`; [`None`] for `ip` itself.
    pub protocol: Option<String>,
}

impl Route {
    /// The number of the routing protocol that made it; [`None`] if only its name is known.
    pub fn owner(&self) -> Option<u32> {
        self.protocol.as_deref()?.parse().ok()
    }
}

/// The kind of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Packets are sent.
    Unicast,
    /// Packets are the host's own (`local`, `anycast`).
    Local,
    /// Packets are for everyone on a network.
    Broadcast,
    /// The table has no route: the next rule is tried.
    Throw,
    /// Packets end here: `blackhole`, `unreachable` or `prohibit`.
    Refuse(String),
    /// Anything else.
    Unknown(String),
}

/// A hop of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hop {
    /// The gateway; [`None`] if the destination is on the device's own network.
    pub gateway: Option<IpAddr>,
    /// The device.
    pub device: Option<String>,
    /// Whether the kernel does not use it (`dead`). With `linkdown` alone it does, to no avail.
    pub is_dead: bool,
    /// Whether its device has no link (`linkdown`).
    pub has_no_link: bool,
    /// Whether the gateway counts as on the device's network (`onlink`).
    pub is_onlink: bool,
}

/// The name of a table, one name each: `main` for 254, and so on.
pub(in crate::routing) fn table_name(name: &str) -> String {
    match name {
        "255" => "local".to_string(),
        "254" => "main".to_string(),
        "253" => "default".to_string(),
        name => name.to_string(),
    }
}

impl Routes {
    fn add(&mut self, table: String, route: Route) {
        let lengths = &mut self.tables.entry(table).or_default().lengths;
        let nets = lengths.entry(route.destination.length()).or_default();
        let same = nets.entry(route.destination.number()).or_default();
        // The lowest metric first; of equal ones, the order of the list.
        let place = same.partition_point(|other| other.metric <= route.metric);
        same.insert(place, route);
    }

    /// Whether a table has any route.
    pub fn has_table(&self, table: &str) -> bool {
        self.tables.contains_key(table)
    }

    /// The routes of a table, in no order.
    pub fn of<'r>(&'r self, table: &str) -> impl Iterator<Item = &'r Route> {
        let lengths = self
            .tables
            .get(table)
            .into_iter()
            .flat_map(|table| table.lengths.values());
        lengths.flat_map(HashMap::values).flatten()
    }

    /// All routes, with the name of their table, in no order.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Route)> {
        self.tables.iter().flat_map(|(name, table)| {
            let routes = table.lengths.values().flat_map(HashMap::values).flatten();
            routes.map(move |route| (name.as_str(), route))
        })
    }

    /// The routes of a table whose network an address is in: longest prefix first, then by metric. Each item
    /// has all routes of one prefix.
    pub fn to<'r>(&'r self, table: &str, address: IpAddr) -> impl Iterator<Item = &'r [Route]> {
        let lengths = self
            .tables
            .get(table)
            .into_iter()
            .flat_map(|table| table.lengths.iter().rev());
        let (number, family) = (net::number(address), self.family);
        lengths.filter_map(move |(length, nets)| {
            let mask = net::mask(family, *length)?;
            nets.get(&(number & mask)).map(Vec::as_slice)
        })
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.gateway, &self.device) {
            (Some(gateway), Some(device)) => write!(f, "via {gateway} dev {device}"),
            (Some(gateway), None) => write!(f, "via {gateway}"),
            (None, Some(device)) => write!(f, "dev {device}"),
            (None, None) => f.write_str("nowhere"),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Unicast => {}
            Kind::Local => f.write_str("local ")?,
            Kind::Broadcast => f.write_str("broadcast ")?,
            Kind::Throw => f.write_str("throw ")?,
            Kind::Refuse(word) | Kind::Unknown(word) => write!(f, "{word} ")?,
        }
        f.write_str(&self.destination.destination())?;
        if let Some(selector) = &self.selector {
            write!(f, " {selector}")?;
        }
        match self.hops.as_slice() {
            [] => {}
            [hop] => write!(f, " {hop}")?,
            hops => hops
                .iter()
                .try_for_each(|hop| write!(f, " nexthop {hop}"))?,
        }
        match self.metric {
            0 => Ok(()),
            metric => write!(f, " metric {metric}"),
        }
    }
}
