// SPDX-License-Identifier: GPL-2.0-only

//! Firewalls are added one by one, drained, and come back, under TCP connections that NAT
//! translates: only those move that must, and none breaks.

use std::sync::Arc;

use anyhow::{ensure, Result};
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::note;
use testbed::trial::on_uml;
use testbed::trials;

use super::site::site;
use crate::changes::{Change, Live, Spread};
use crate::flow::Transport;
use crate::host::Host;

/// Seed of the flows.
const SEED: u64 = 0x6e61_7404;

/// The added gateways, and the networks that they are on.
const ADDED: [&str; 2] = ["gateway-d", "gateway-e"];
const NETWORKS: [&str; 2] = ["inner", "outer"];

/// The one that the text drains, and another one.
const DRAINED: usize = 1;
const OTHER: usize = 2;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![on_uml(moves_what_must)]
}

fn moves_what_must() -> Result<()> {
    let site = site()?;
    let cluster = &site.cluster;
    let mut added = Vec::new();
    for name in ADDED {
        let host = Arc::new(Host::start("nat", name)?);
        for network in NETWORKS {
            cluster.switches.plug(&host, network)?;
        }
        added.push(host);
    }
    cluster.tutorial.play("Gateways", &added)?;
    let mut live = Live::begin(cluster, &added, &NETWORKS, || {
        let mut connections = Vec::new();
        for family in Family::ALL {
            let flows = site.flows_to_service(family, Transport::Tcp, site.flows / 2, SEED);
            connections.extend(site.open(&flows)?);
        }
        Ok(connections)
    })?;
    let hosts = [&*cluster.hosts, &*added].concat();
    let few = cluster.gateways.len();
    let all = |gateways| Spread {
        gateways,
        weights: Vec::new(),
    };
    let [more, most] = [all(few + 1), all(few + 2)];
    let mut play = |settings: &str, section, name, gateway, to| {
        let change = Change { name, gateway, to };
        let tutorial = &cluster.tutorial;
        live.change(&change, || tutorial.play_with(settings, section, &hosts))?;
        Ok::<_, anyhow::Error>(live.places().to_vec())
    };
    // By the settings of the text.
    let before = play("", "Grow", "one gateway more", few, more.clone())?;
    let drained = more.with(&[(DRAINED, 0)]);
    play("", "Drain", "one drained", DRAINED, drained)?;
    let after = play("", "Bring it back", "it comes back", DRAINED, more)?;
    ensure!(before == after, "not all is as before the drain");
    // By other ones, which the text leaves to the reader.
    let mut play = |section, name, gateway, to: Spread| {
        let settings = to.settings();
        play(&settings, section, name, gateway, to)
    };
    let before = play("Grow", "one more again", few + 1, most.clone())?;
    let drained = most.with(&[(DRAINED, 0)]);
    play("Drain", "one drained again", DRAINED, drained)?;
    let both = most.with(&[(DRAINED, 0), (OTHER, 0)]);
    play("Drain", "another drained", OTHER, both)?;
    let one = most.with(&[(OTHER, 0)]);
    play("Bring it back", "the first comes back", DRAINED, one)?;
    let after = play("Bring it back", "the other, too", OTHER, most)?;
    ensure!(before == after, "not all is as before the second drain");
    note!("changes behind NAT:\n\n{}", live.table());
    Ok(())
}
