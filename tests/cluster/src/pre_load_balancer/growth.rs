// SPDX-License-Identifier: GPL-2.0-only

//! Gateways are added one by one, drained, come back, have half a share and go again: only
//! connections move that must, none breaks, and no packet goes without a mark meanwhile.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::note;
use testbed::patience::wait;
use testbed::trial::on_uml;
use testbed::trials;

use super::reload::{trapped, under_traffic, unmarked};
use super::site::{site, Site, NORTH, SOUTH};
use crate::changes::{Change, Live, Spread};
use crate::clients;
use crate::flow::{Flow, Transport};
use crate::host::Host;

/// Seed of the flows.
const SEED: u64 = 0x6772_6f77;

/// The number of gateways that are added, and two that are drained.
const ADDED: usize = 2;
const ONE: usize = 1;
const OTHER: usize = 2;

/// Flows of datagrams of each family, none of which may go without a mark.
const DATAGRAMS: usize = 25;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![on_uml(moves_what_must)]
}

fn moves_what_must() -> Result<()> {
    let site = site()?;
    let few = site.size.gateways;
    let added = (few..few + ADDED).map(|number| add(site, number));
    let added: Vec<_> = added.collect::<Result<_>>()?;
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

/// The hosts that were added, by their numbers: other hosts know their hardware addresses for a day.
static ADDITIONS: Mutex<BTreeMap<usize, Arc<Host>>> = Mutex::new(BTreeMap::new());

/// Makes a host that the text adds, as the text makes the other gateways. One that was added before stays.
///
/// # Errors
/// If a command fails.
pub fn add(site: &Site, number: usize) -> Result<Arc<Host>> {
    let mut additions = ADDITIONS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(host) = additions.get(&number) {
        return Ok(Arc::clone(host));
    }
    let name = format!("gateway-{number}");
    let host = Arc::new(Host::start("ipvs", &name)?);
    for network in [NORTH, SOUTH] {
        site.cluster.switches.plug(&host, network)?;
    }
    let hosts = [Arc::clone(&host)];
    site.cluster.tutorial.play("Gateways", &hosts)?;
    additions.insert(number, Arc::clone(&host));
    Ok(host)
}

fn change(site: &Site, live: &mut Live, datagrams: &[Flow]) -> Result<()> {
    let few = site.size.gateways;
    let cluster = &site.cluster;
    let all = |gateways| Spread {
        gateways,
        weights: Vec::new(),
    };
    let [begun, more, most] = [all(few), all(few + 1), all(few + ADDED)];
    let last = few + ADDED - 1;
    let mut sent = 0;
    let mut play = |section, name, gateway, to: Spread| {
        let settings = to.settings();
        let change = Change { name, gateway, to };
        live.change(&change, || {
            sent += all_marked(site, datagrams, || {
                let tutorial = &cluster.tutorial;
                tutorial.play_with(&settings, section, &cluster.hosts)
            })?;
            Ok(())
        })?;
        Ok::<_, anyhow::Error>(live.places().to_vec())
    };
    let at_first = play("Bring it back", "none is out", ONE, begun.clone())?;
    play("Grow", "one gateway more", few, more.clone())?;
    let grown = play("Grow", "one more again", last, most.clone())?;
    play("Drain", "one drained", ONE, most.with(&[(ONE, 0)]))?;
    let both = most.with(&[(ONE, 0), (OTHER, 0)]);
    let places = play("Drain", "another drained", OTHER, both)?;
    ensure!(
        !places.contains(&ONE) && !places.contains(&OTHER),
        "a drained gateway has connections"
    );
    let one = most.with(&[(OTHER, 0)]);
    play("Bring it back", "the first comes back", ONE, one)?;
    let places = play("Bring it back", "the other, too", OTHER, most.clone())?;
    ensure!(places == grown, "not all is as before the drain");
    let half = most.with(&[(ONE, 50)]);
    play("A weaker gateway", "one has half", ONE, half)?;
    let places = play("Bring it back", "it has all", ONE, most.clone())?;
    ensure!(places == grown, "not all is as before the half share");
    let ending = most.with(&[(last, 0)]);
    let drained = play("Drain", "the last drained", last, ending)?;
    let places = play("Shrink", "it goes", last, more)?;
    ensure!(places == drained, "a drained gateway moved others");
    let places = play("Shrink", "one gateway less again", few, begun)?;
    ensure!(places == at_first, "not all is as before the growth");
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
