// SPDX-License-Identifier: GPL-2.0-only

//! Selectors that `hmark plan` sets up deliver flows as those that are set up by hand do.

use anyhow::Result;
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::kernel::is_uml;
use testbed::note;
use testbed::trial::single;
use testbed::trials;

use super::site::{site, Site, FRONT, NORTH, SOUTH};
use crate::flow::Transport;
use crate::host::one;
use crate::planned::{gateways, planned, Planned};
use crate::prediction;

/// Seed of the flows.
const SEED: u64 = 0x706c_616e;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    // The scripts run some hundred programs, which take an emulated guest long.
    match is_uml() {
        true => trials![single(delivers)],
        false => Vec::new(),
    }
}

fn delivers() -> Result<()> {
    let site = site()?;
    let mut all: Vec<Planned> = Vec::new();
    for selector in &site.cluster.selectors {
        all.push((selector.clone(), file(site, NORTH, 1, "destination")?));
    }
    let behind = one(&site.cluster.hosts, "selector-s")?;
    all.push((behind, file(site, SOUTH, 2, "source")?));
    planned(&all, || deliver(site))
}

/// The file of a selector whose gateways are in network `network`, which has the name `device`.
fn file(site: &Site, device: &str, network: u8, end: &str) -> Result<String> {
    let count = site.cluster.gateways.len();
    let gateways = gateways(10..10 + count, |number| {
        (
            format!("10.{network}.0.{number}"),
            format!("fd00:{network}::{number}"),
        )
    });
    let address = |family| site.address(family, Transport::Tcp).ip();
    let (four, six) = (address(Family::Ipv4), address(Family::Ipv6));
    let mut file =
        format!("device = \"{device}\"\n{gateways}[[match]]\n{end} = [\"{four}\", \"{six}\"]\n");
    if end == "source" {
        // Errors that servers send from their own addresses.
        file += &format!(
            "in-interface = \"{device}\"\n[[match]]\nin-interface = \"{device}\"\n\
             source = [\"! {four}\", \"! {six}\"]\nprotocol = \"icmp\"\n"
        );
    }
    Ok(file)
}

fn deliver(site: &Site) -> Result<()> {
    let cluster = &site.cluster;
    let mut sent = 0;
    for family in Family::ALL {
        for transport in Transport::ALL {
            let seed = SEED + transport as u64;
            let flows = site.flows(family, transport, site.size.flows, seed);
            let account = site.through_all_selectors(&flows)?;
            for selector in &cluster.selectors {
                let places = account.places();
                prediction::check_gateways(selector, FRONT, &cluster.gateways, &flows, places)?;
            }
            sent += flows.len();
        }
    }
    note!(
        "{sent} flows over {} gateways set up by hmark plan, as the operator's tool says; \
         misdelivered: 0",
        cluster.gateways.len()
    );
    Ok(())
}
