// SPDX-License-Identifier: GPL-2.0-only

//! Where the packets of a mark go, and whether anybody is there.

use std::fmt;
use std::net::IpAddr;

use crate::findings::Site;
use crate::marks::steps;
use crate::net::unspecified;
use crate::routing::{Action, Hop, Kind, Route};

/// The way of a mark's packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The table that the mark's own routing rule leads to.
    pub table: Option<String>,
    /// The gateway.
    pub gateway: Option<IpAddr>,
    /// The device.
    pub device: Option<String>,
    /// Whether the gateway is there.
    pub reach: Reach,
}

/// Whether a mark's packets can arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// No routing rule asks for the mark.
    NoRule,
    /// The table of the mark has no route.
    NoRoute,
    /// The route drops packets.
    Refused,
    /// The route has several gateways.
    Several,
    /// The route leads to no gateway, but to a device.
    Direct,
    /// The device is down or has no link.
    DeviceDown,
    /// The state of the neighbour, such as `reachable` or `failed`.
    Neighbour(String),
    /// The host has not tried to reach it, or its routes or neighbours are not known.
    Unknown,
}

impl Reach {
    /// Whether packets arrive; [`None`] if that is not known.
    pub fn is_good(&self) -> Option<bool> {
        match self {
            Self::NoRule | Self::NoRoute | Self::Refused | Self::DeviceDown => Some(false),
            Self::Neighbour(state) => Some(!matches!(&**state, "failed" | "incomplete")),
            Self::Direct => Some(true),
            Self::Several | Self::Unknown => None,
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRule => "no ip rule",
            Self::NoRoute => "no route",
            Self::Refused => "refused",
            Self::Several => "several",
            Self::Direct => "direct",
            Self::DeviceDown => "device down",
            Self::Neighbour(state) => state,
            Self::Unknown => "unknown",
        })
    }
}

impl Way {
    /// The way of a mark's packets by the rules and routes of a host.
    pub fn of(site: &Site<'_>, mark: u32) -> Self {
        let mut way = Self {
            table: None,
            gateway: None,
            device: None,
            reach: Reach::Unknown,
        };
        let (Some(rules), Some(_)) = (site.routing, site.routes) else {
            return way;
        };
        way.reach = Reach::NoRule;
        for step in steps(rules, mark) {
            // A guard leads away from the tables of marks.
            if step.rule.mark.is_none() || step.rule.not {
                continue;
            }
            let table = match &step.rule.action {
                Action::Table(table) => table,
                Action::Refuse(_) => {
                    way.reach = Reach::Refused;
                    break;
                }
                _ => continue,
            };
            way.table = Some(table.clone());
            way.reach = Reach::NoRoute;
            if let Some(route) = main_route(site, table) {
                way.take(site, route);
                break;
            }
        }
        way
    }

    fn take(&mut self, site: &Site<'_>, route: &Route) {
        self.reach = match (&route.kind, route.hops.as_slice()) {
            (Kind::Unicast, [hop]) => {
                self.gateway = hop.gateway;
                self.device.clone_from(&hop.device);
                reach(site, hop)
            }
            (Kind::Unicast, []) => Reach::Unknown,
            (Kind::Unicast, _) => Reach::Several,
            (Kind::Refuse(_), _) => Reach::Refused,
            _ => Reach::Direct,
        };
    }

    /// The gateway, or else the device, as a label; empty if there is neither.
    pub fn label(&self) -> String {
        match (&self.gateway, &self.device) {
            (Some(gateway), _) => gateway.to_string(),
            (None, Some(device)) => format!("dev {device}"),
            (None, None) => String::new(),
        }
    }
}

/// The route that packets of a table take: that to all networks, or else the first that has a gateway.
fn main_route<'h>(site: &Site<'h>, table: &str) -> Option<&'h Route> {
    // A detour of `hmark weight` leads to half of all networks.
    let mut to_all = site.routes?.to(table, unspecified(site.family)).flatten();
    let wide = to_all.find(|route| route.destination.length() <= 1 && route.kind != Kind::Throw);
    wide.or_else(|| {
        let routes = site.routes_of(table);
        let mut leading = routes.into_iter();
        leading.find(|route| route.hops.iter().any(|hop| hop.gateway.is_some()))
    })
}

fn reach(site: &Site<'_>, hop: &Hop) -> Reach {
    let link = |device: &String| site.host.links.get()?.find(device);
    let device = hop.device.as_ref();
    if hop.is_dead || hop.has_no_link || device.and_then(link).is_some_and(|link| !link.is_up()) {
        return Reach::DeviceDown;
    }
    let Some(gateway) = hop.gateway else {
        return Reach::Direct;
    };
    let neighbours = site.host.neighbours.get();
    let neighbour = neighbours.and_then(|all| all.find(gateway, hop.device.as_deref()));
    match neighbour.and_then(|neighbour| neighbour.states.first()) {
        Some(state) => Reach::Neighbour(state.to_ascii_lowercase()),
        None => Reach::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use hmark::Family;

    use super::*;
    use crate::host::{Host, Neighbours, Part};
    use crate::routing::{Routes, RoutingRules};
    use crate::watch::group::tests::border;

    fn way(host: &Host, mark: u32) -> Way {
        Way::of(&Site::new(host, Family::Ipv4).unwrap(), mark)
    }

    fn with(routes: &str, neighbours: &str) -> Host {
        let rules = r#"[{"priority":5,"not":null,"src":"all","fwmark":"0x60","fwmask":"0xf0","goto":50},
            {"priority":10,"src":"all","fwmark":"0x65","table":"101"},
            {"priority":11,"src":"all","fwmark":"0x66","table":"102"},
            {"priority":50,"src":"all","table":"main"}]"#;
        let mut host = border();
        let family = Family::Ipv4;
        host.ipv4.rules = Part::Known(RoutingRules::read(rules.as_bytes(), family).unwrap());
        host.ipv4.routes = Part::Known(Routes::read(routes.as_bytes(), family).unwrap());
        host.neighbours = Part::Known(Neighbours::read(neighbours.as_bytes()).unwrap());
        host.links = Part::Known(Default::default());
        host
    }

    #[test]
    fn gateways_have_the_states_of_their_neighbours() {
        let routes = r#"[{"dst":"default","gateway":"10.0.0.1","dev":"a","table":"101"},
            {"dst":"default","gateway":"10.0.0.2","dev":"a","table":"102"}]"#;
        let neighbours = r#"[{"dst":"10.0.0.1","dev":"a","lladdr":"02::1","state":["STALE"]},
            {"dst":"10.0.0.2","dev":"a","state":["FAILED"]}]"#;
        let host = with(routes, neighbours);
        let first = way(&host, 101);
        assert_eq!(first.label(), "10.0.0.1");
        assert_eq!(first.table.as_deref(), Some("101"));
        assert_eq!(first.reach, Reach::Neighbour("stale".into()));
        assert_eq!(first.reach.is_good(), Some(true));
        let second = way(&host, 102);
        assert_eq!(
            (second.reach.to_string(), second.reach.is_good()),
            ("failed".into(), Some(false))
        );
        let third = way(&host, 103);
        assert_eq!((third.label(), third.reach), (String::new(), Reach::NoRule));
        let host = with(routes, "[]");
        assert_eq!(way(&host, 102).reach, Reach::Unknown);
    }

    #[test]
    fn tables_say_where_packets_go() {
        let reach = |routes: &str| way(&with(routes, "[]"), 101).reach;
        assert_eq!(reach("[]"), Reach::NoRoute);
        assert_eq!(
            reach(r#"[{"type":"blackhole","dst":"default","table":"101"}]"#),
            Reach::Refused
        );
        assert_eq!(
            reach(
                r#"[{"dst":"default","gateway":"10.0.0.1","dev":"a","table":"101","flags":["linkdown"]}]"#
            ),
            Reach::DeviceDown
        );
        assert_eq!(
            reach(r#"[{"dst":"default","dev":"a","table":"101"}]"#),
            Reach::Direct
        );
        // A detour comes first.
        let routes = r#"[{"dst":"default","gateway":"10.0.0.1","dev":"a","table":"101"},
            {"dst":"0.0.0.0/1","gateway":"10.0.0.2","dev":"a","table":"101","protocol":"72"}]"#;
        assert_eq!(way(&with(routes, "[]"), 101).label(), "10.0.0.2");
        let routes = r#"[{"dst":"10.9.0.0/24","dev":"a","table":"101"},
            {"dst":"198.51.100.1","gateway":"10.0.0.1","dev":"a","table":"101"}]"#;
        assert_eq!(way(&with(routes, "[]"), 101).label(), "10.0.0.1");
    }
}
