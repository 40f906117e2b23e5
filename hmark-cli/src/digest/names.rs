// SPDX-License-Identifier: GPL-2.0-only

//! Names for what each host has of its own, which are the same on all hosts of a cluster: a device is
//! named by the networks that it is on, and an own address by the network that it is in.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use hmark::Family;

use crate::net::Net;
use crate::routing::{Kind, Routes};

/// The names on a host.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// The networks that each device is on.
    devices: BTreeMap<String, BTreeSet<String>>,
    /// The network of each own address that is in one.
    own: BTreeMap<IpAddr, String>,
}

impl Names {
    /// Names by the routes of both families, as far as they are known.
    pub fn new<'r>(families: impl Iterator<Item = &'r Routes> + Clone) -> Self {
        let mut names = Self::default();
        let mut nets: Vec<Net> = Vec::new();
        for (table, route) in families.clone().flat_map(Routes::all) {
            let net = route.destination;
            let is_host = net.length() == net.family().address_bits();
            if table != "main" || route.kind != Kind::Unicast || is_host || is_link_local(&net) {
                continue;
            }
            let on_link = route.hops.iter().filter(|hop| hop.gateway.is_none());
            for device in on_link.filter_map(|hop| hop.device.clone()) {
                names
                    .devices
                    .entry(device)
                    .or_default()
                    .insert(net.to_string());
                nets.push(net);
            }
        }
        for (table, route) in families.flat_map(Routes::all) {
            let own = (table == "local" && route.kind == Kind::Local)
                .then(|| route.destination.to_string())
                .and_then(|text| text.split('/').next()?.parse::<IpAddr>().ok());
            let Some(own) = own else {
                continue;
            };
            if let Some(net) = nets
                .iter()
                .filter(|net| net.contains(own))
                .max_by_key(|net| net.length())
            {
                names.own.insert(own, net.to_string());
            }
        }
        names
    }

    /// The name of a device, or of all devices whose names begin like this before a `+`.
    pub fn device(&self, device: &str) -> String {
        let prefix = device.strip_suffix('+');
        let fits = |name: &str| match prefix {
            Some(prefix) => name.starts_with(prefix),
            None => name == device,
        };
        let found = self.devices.iter().filter(|(name, _)| fits(name));
        let mut found: Vec<String> = found
            .map(|(_, nets)| nets.iter().cloned().collect::<Vec<_>>().join("+"))
            .collect();
        found.sort();
        match found.is_empty() {
            true => device.to_owned(),
            false => format!("on({})", found.join("|")),
        }
    }

    /// The name of an address or a network.
    pub fn net(&self, text: &str) -> String {
        let address = text
            .strip_suffix("/32")
            .or(text.strip_suffix("/128"))
            .unwrap_or(text);
        let own = address
            .parse()
            .ok()
            .and_then(|address: IpAddr| self.own.get(&address));
        match own {
            Some(net) => format!("own({net})"),
            None => text.to_owned(),
        }
    }
}

/// Whether a network is within fe80::/10, which each link has.
pub fn is_link_local(net: &Net) -> bool {
    net.family() == Family::Ipv6 && net.number() >> 118 == 0xfe80 >> 6
}
