// SPDX-License-Identifier: GPL-2.0-only

//! Routes, read as `ip -j route show table all` and `ip -j -6 route show table all` list them.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use anyhow::{ensure, Context, Result};
use hmark::Family;
use serde::Deserialize;

use super::{table_name, Hop, Kind, Route, Routes};
use crate::net::{self, Net};

/// The largest number of routes that is taken from a file: several times those of the whole Internet.
const MOST: usize = 1 << 23;

/// A route as `ip` prints it. Fields that decide nothing are skipped.
#[derive(Deserialize)]
struct Printed {
    #[serde(rename = "type")]
    kind: Option<String>,
    dst: Option<String>,
    dstlen: Option<u32>,
    from: Option<String>,
    tos: Option<Word>,
    table: Option<Word>,
    prefsrc: Option<IpAddr>,
    metric: Option<u32>,
    pref: Option<Word>,
    nhid: Option<u32>,
    protocol: Option<Word>,
    #[serde(flatten)]
    hop: PrintedHop,
    nexthops: Option<Vec<PrintedHop>>,
}

#[derive(Default, Deserialize)]
struct PrintedHop {
    gateway: Option<IpAddr>,
    via: Option<Via>,
    dev: Option<String>,
    #[serde(default)]
    flags: Vec<String>,
}

#[derive(Deserialize)]
struct Via {
    host: IpAddr,
}

/// A number or its text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Word {
    Number(u64),
    Text(String),
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl Routes {
    /// Reads JSON of `ip`, of any version since 5.10: routes of the table `main` have no table in it. Routes
    /// of the other family are skipped: without `-4` or `-6`, `ip` lists both. An empty text is that of a
    /// host without routes.
    ///
    /// # Errors
    ///
    /// If the text is no JSON, or none of routes.
    pub fn read(text: &[u8], family: Family) -> Result<Self> {
        let mut routes = Self {
            family,
            tables: HashMap::new(),
        };
        if text.trim_ascii().is_empty() {
            return Ok(routes);
        }
        let list: Vec<Printed> = serde_json::from_slice(text)?;
        ensure!(list.len() <= MOST, "there are more than {MOST} routes");
        for (index, printed) in list.into_iter().enumerate() {
            if printed.family(family) != family {
                continue;
            }
            let table = printed.table.as_ref().map(Word::to_string);
            let table = table_name(table.as_deref().unwrap_or("main"));
            let number = index.saturating_add(1);
            let route = printed.route(family);
            if let Some(route) = route.with_context(|| format!("route {number} of the list"))? {
                routes.add(table, route);
            }
        }
        Ok(routes)
    }
}

impl Printed {
    /// The family of the route: that of its addresses, or else that of a field that only IPv6's have.
    fn family(&self, expected: Family) -> Family {
        let destination = self.dst.as_deref().unwrap_or("default");
        let address = destination.split('/').next().unwrap_or_default();
        if let Ok(address) = address.parse() {
            return net::family(address);
        }
        let hops = self.nexthops.iter().flatten().chain([&self.hop]);
        match hops.filter_map(|hop| hop.gateway).next().or(self.prefsrc) {
            Some(address) => net::family(address),
            // Only IPv6's routes have a preference of their router.
            None if self.pref.is_some() => Family::Ipv6,
            None => expected,
        }
    }

    /// [`None`] if the route is one that lookups never meet.
    fn route(self, family: Family) -> Result<Option<Route>> {
        let destination = self.dst.as_deref().unwrap_or("default");
        let net = match (destination, self.dstlen) {
            ("default" | "any" | "all", _) => Some(Net::every(family)),
            (address, Some(length)) => address
                .parse()
                .ok()
                .and_then(|address| Net::new(address, length)),
            (net, None) => Net::read(net, family).filter(Net::is_prefix),
        };
        let net = net.with_context(|| format!("\"{destination}\" is no {family} network"))?;
        let kind = match self.kind.as_deref() {
            None | Some("unicast") => Kind::Unicast,
            Some("local" | "anycast") => Kind::Local,
            Some("broadcast") => Kind::Broadcast,
            Some("throw") => Kind::Throw,
            Some(word @ ("blackhole" | "unreachable" | "prohibit")) => {
                Kind::Refuse(word.to_string())
            }
            // Of IPv6: all of ff00::/8. Whoever asks for that is told that it is multicast.
            Some("multicast") if family == Family::Ipv6 => return Ok(None),
            Some(other) => Kind::Unknown(other.to_string()),
        };
        // Cached routes of IPv6 are not part of a table.
        if self
            .hop
            .flags
            .iter()
            .any(|flag| flag == "cloned" || flag == "cache")
        {
            return Ok(None);
        }
        let is_linked = |kind: &Kind| matches!(kind, Kind::Unicast | Kind::Local | Kind::Broadcast);
        let hops = match self.nexthops {
            Some(hops) if !hops.is_empty() => hops,
            _ if self.hop.gateway.is_some() || self.hop.via.is_some() || self.hop.dev.is_some() => {
                vec![self.hop]
            }
            _ => Vec::new(),
        };
        let tos = self.tos.map(|tos| tos.to_string()).filter(|tos| tos != "0");
        let selector = match (tos, self.from) {
            (Some(tos), _) => Some(format!("tos {tos}")),
            (None, Some(from)) => Some(format!("from {from}")),
            (None, None) => None,
        };
        Ok(Some(Route {
            destination: net,
            metric: self.metric.unwrap_or(0),
            selector,
            preferred_source: self.prefsrc,
            nexthop_id: self.nhid,
            protocol: self.protocol.map(|protocol| protocol.to_string()),
            hops: match is_linked(&kind) {
                true => hops.into_iter().map(Hop::from).collect(),
                // An IPv6 route that refuses packets has the device lo.
                false => Vec::new(),
            },
            kind,
        }))
    }
}

impl From<PrintedHop> for Hop {
    fn from(printed: PrintedHop) -> Self {
        let has = |flag: &str| printed.flags.iter().any(|own| own == flag);
        Self {
            is_dead: has("dead"),
            has_no_link: has("linkdown"),
            is_onlink: has("onlink"),
            gateway: printed.gateway.or(printed.via.map(|via| via.host)),
            device: printed.dev,
        }
    }
}
