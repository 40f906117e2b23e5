// SPDX-License-Identifier: GPL-2.0-only

//! A gateway is added, one is drained and comes back, and one has half a share: only connections
//! move that must, none breaks, and no packet goes without a mark meanwhile.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::note;
use testbed::patience::wait;
use testbed::trial::single;
use testbed::trials;

use super::reload::{trapped, under_traffic, unmarked};
use super::site::{site, Site, NORTH, SOUTH};
use crate::changes::{Change, Live, Spread};
use crate::clients;
use crate::flow::{Flow, Transport};
use crate::host::Host;

/// Seed of the flows.
const SEED: u64 = 0x6772_6f77;

/// Flows of datagrams of each family, none of which may go without a mark.
const DATAGRAMS: usize = 25;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![single(moves_what_must)]
}

fn moves_what_must() -> Result<()> {
    let site = site()?;
    let added = add(site)?;
    let live = |transport, count| -> Vec<Flow> {
        let of = |family| site.flows(family, transport, count, SEED);
        Family::ALL.into_iter().flat_map(of).collect()
    };
    let flows = live(Transport::Tcp, site.size.flows);
    let datagrams = live(Transport::Udp, DATAGRAMS);
    let mut connections = Live::begin(&site.cluster, &added, &[NORTH, SOUTH], || {
        clients::open_and_ask(&site.client, &flows)
    })?;
    trapped(site, || change(site, &mut connections, &datagrams))
}

/// Makes the host that the text adds, as the text makes the other gateways.
fn add(site: &Site) -> Result<Arc<Host>> {
    let name = format!("gateway-{}", site.size.gateways);
    let host = Arc::new(Host::start("ipvs", &name)?);
    for network in [NORTH, SOUTH] {
        site.cluster.switches.plug(&host, network)?;
    }
    let hosts = [Arc::clone(&host)];
    site.cluster.tutorial.play("Gateways", &hosts)?;
    Ok(host)
}

fn change(site: &Site, live: &mut Live, datagrams: &[Flow]) -> Result<()> {
    let few = site.size.gateways;
    let many = few + 1;
    let out: usize = site
        .cluster
        .tutorial
        .setting("OUT", &site.client)?
        .parse()?;
    let full = Spread {
        gateways: many,
        weight: None,
    };
    let with = |weight| Spread {
        weight: Some((out, weight)),
        ..full
    };
    let mut sent = 0;
    let mut play = |live: &mut Live, section, change: Change| {
        live.change(&change, || {
            sent += all_marked(site, datagrams, || site.cluster.play(section))?;
            Ok(())
        })
    };
    let step = |name, gateway, to| Change { name, gateway, to };
    play(live, "Grow", step("one gateway more", few, full))?;
    let grown = live.places().to_vec();
    play(live, "Drain", step("one gateway drained", out, with(0)))?;
    ensure!(live.count(out) == 0, "a drained gateway has connections");
    play(live, "Bring it back", step("it comes back", out, full))?;
    ensure!(live.places() == grown, "not all is as before the drain");
    play(live, "A weaker gateway", step("it has half", out, with(50)))?;
    play(live, "Bring it back", step("it has all", out, full))?;
    ensure!(
        live.places() == grown,
        "not all is as before the half share"
    );
    let less = Spread {
        gateways: few,
        weight: None,
    };
    play(live, "Shrink", step("one gateway less", few, less))?;
    note!(
        "{few} gateways, and changes under TCP connections and {sent} datagrams, \
         0 of them without a mark:\n\n{}",
        live.table()
    );
    Ok(())
}

/// Sends datagrams while `work` goes on, and returns their number: all come to gateways, and none
/// goes without a mark.
fn all_marked(
    site: &Site,
    datagrams: &[Flow],
    work: impl FnOnce() -> Result<()> + Send,
) -> Result<u64> {
    let flows: HashSet<_> = datagrams.iter().collect();
    let before = unmarked(site)?;
    site.cluster.capture.take()?;
    let sent = under_traffic(site, datagrams, work)?;
    let (mut arrived, mut caught) = (0, 0);
    let all = wait("datagrams are missing", || {
        caught = unmarked(site)? - before;
        for (sighting, packets) in site.cluster.capture.take()? {
            arrived += if flows.contains(&sighting.flow) {
                packets
            } else {
                0
            };
        }
        Ok(arrived + caught >= sent)
    });
    ensure!(caught == 0, "{caught} packets without a mark");
    all.with_context(|| format!("{sent} sent, {arrived} came to gateways"))?;
    Ok(sent)
}
