// SPDX-License-Identifier: GPL-2.0-only

//! A firewall is added, and one is drained and comes back, under TCP connections that NAT
//! translates: only those move that must, and none breaks.

use std::sync::Arc;

use anyhow::{ensure, Result};
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::note;
use testbed::trial::single;
use testbed::trials;

use super::site::site;
use crate::changes::{Change, Live, Spread};
use crate::flow::Transport;
use crate::host::Host;

/// Seed of the flows.
const SEED: u64 = 0x6e61_7404;

/// The added gateway, the networks that it is on, and the number of the one that is drained.
const ADDED: &str = "gateway-d";
const NETWORKS: [&str; 2] = ["inner", "outer"];
const DRAINED: usize = 1;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![single(moves_what_must)]
}

fn moves_what_must() -> Result<()> {
    let site = site()?;
    let cluster = &site.cluster;
    let added = Arc::new(Host::start("nat", ADDED)?);
    for network in NETWORKS {
        cluster.switches.plug(&added, network)?;
    }
    cluster.tutorial.play("Gateways", &[Arc::clone(&added)])?;
    let mut live = Live::begin(cluster, &added, &NETWORKS, || {
        let mut connections = Vec::new();
        for family in Family::ALL {
            let flows = site.flows_to_service(family, Transport::Tcp, site.flows / 2, SEED);
            connections.extend(site.open(&flows)?);
        }
        Ok(connections)
    })?;
    let hosts = [&cluster.hosts[..], &[added]].concat();
    let few = cluster.gateways.len();
    let grown = Spread {
        gateways: few + 1,
        weight: None,
    };
    let drained = Spread {
        weight: Some((DRAINED, 0)),
        ..grown
    };
    let mut play = |section, name, gateway, to| {
        let change = Change { name, gateway, to };
        live.change(&change, || cluster.tutorial.play(section, &hosts))?;
        Ok::<_, anyhow::Error>(live.places().to_vec())
    };
    let before = play("Grow", "one gateway more", few, grown)?;
    play("Drain", "one gateway drained", DRAINED, drained)?;
    let after = play("Bring it back", "it comes back", DRAINED, grown)?;
    ensure!(before == after, "not all is as before the drain");
    note!("changes behind NAT:\n\n{}", live.table());
    Ok(())
}
