// SPDX-License-Identifier: GPL-2.0-only

//! Nexthop objects, routes, and kernel settings of a plan.

use std::net::IpAddr;

use hmark::Family;

use super::site::Site;
use crate::net::Net;

/// The difference of the numbers of a gateway's two nexthop objects, if it has one of each family.
pub const SECOND: u32 = 1000;

/// A nexthop object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nexthop {
    /// Its number.
    pub id: u32,
    /// The gateway's address.
    pub via: IpAddr,
    /// The device.
    pub device: String,
}

impl Nexthop {
    /// The object in the words of `ip nexthop`, without its protocol.
    pub fn text(&self) -> String {
        format!("id {} via {} dev {}", self.id, self.via, self.device)
    }
}

/// A route to a nexthop object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The network that it leads to.
    pub to: Net,
    /// The nexthop object.
    pub nexthop: u32,
    /// The table.
    pub table: u32,
}

impl Route {
    /// The network as `ip route` shows it.
    pub fn destination(&self) -> String {
        let bits = self.to.family().address_bits();
        let shown = self.to.destination();
        match self.to.length() == bits {
            // A host's route is shown without its length.
            true => shown.split('/').next().unwrap_or_default().to_string(),
            false => shown,
        }
    }

    /// The route in a few words of `ip route`.
    pub fn text(&self) -> String {
        let (to, nexthop, table) = (self.destination(), self.nexthop, self.table);
        format!("{to} nhid {nexthop} table {table}")
    }
}

/// The nexthop objects: one a gateway, or one of each family.
pub fn nexthops(site: &Site) -> Vec<Nexthop> {
    let mut all = Vec::new();
    for family in &site.families {
        for (gateway, number) in site.gateways.iter().zip(site.table..) {
            let address4 = gateway.address4.map(IpAddr::V4);
            let address6 = gateway.address6.map(IpAddr::V6);
            let via = match (site.shared, family) {
                (false, Family::Ipv4) => address4,
                (false, Family::Ipv6) | (true, Family::Ipv4) => address6,
                (true, Family::Ipv6) => None,
            };
            all.extend(via.map(|via| Nexthop {
                id: id(site, *family, number),
                via,
                device: gateway.device.clone(),
            }));
        }
    }
    all
}

/// The number of the nexthop object of a family's routes in a gateway's table.
fn id(site: &Site, family: Family, table: u32) -> u32 {
    let is_second = family == Family::Ipv6 && site.families.len() > 1 && !site.shared;
    match is_second {
        true => table.saturating_add(SECOND),
        false => table,
    }
}

/// The routes of a family.
pub fn routes(site: &Site, family: Family) -> Vec<Route> {
    let mut all = Vec::new();
    for (_, table) in site.gateways.iter().zip(site.table..) {
        let to = site.to.iter().filter(|net| net.family() == family);
        all.extend(to.map(|to| Route {
            to: *to,
            nexthop: id(site, family, table),
            table,
        }));
    }
    all
}

/// The settings without which packets are not forwarded, or go another way.
pub fn sysctls(site: &Site) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut set = |name: String, value: &str| {
        let setting = (name, value.to_string());
        if !all.contains(&setting) {
            all.push(setting);
        }
    };
    for family in &site.families {
        set(
            match family {
                Family::Ipv4 => "net.ipv4.ip_forward".to_string(),
                Family::Ipv6 => "net.ipv6.conf.all.forwarding".to_string(),
            },
            "1",
        );
    }
    if site.families.contains(&Family::Ipv4) {
        // Packets leave by the device that they came in by, and senders must not be told of a shorter way.
        let devices = site.gateways.iter().map(|gateway| &gateway.device);
        let mut devices: Vec<_> = devices.collect();
        devices.sort_unstable();
        devices.dedup();
        for device in devices {
            let mut inputs = site.matches.iter().map(|selected| &selected.input);
            if inputs.any(|input| input.as_ref() == Some(device)) {
                set("net.ipv4.conf.all.send_redirects".to_string(), "0");
                let device = device.replace('.', "/");
                set(format!("net.ipv4.conf.{device}.send_redirects"), "0");
            }
        }
    }
    all
}
