// SPDX-License-Identifier: GPL-2.0-only

//! Fragments: all those of one datagram pass one gateway, which is not that of its flow, since only
//! the first has ports and HMARK takes them from none.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use tests::family::Family;
use tests::note;
use tests::trial::test;

use super::site::site;
use crate::clients;
use crate::flow::{Kind, Transport};

/// Seed of the flows, and their number.
const SEED: u64 = 0x6672_6167;
const FLOWS: usize = 60;

/// What questions have beyond their text: they go as three fragments, and so do their answers.
const PADDING: usize = 4000;
const FRAGMENTS: usize = 3;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    let of = |family: Family| {
        let name = format!("ipvs::keeps_fragments_together_{}", family.name());
        test(&name, move || keep_together(family))
    };
    Family::ALL.into_iter().map(of).collect()
}

fn keep_together(family: Family) -> Result<()> {
    let site = site()?;
    let flows = site.flows(family, Transport::Udp, FLOWS, SEED);
    site.capture.take()?;
    let mut connections = clients::open(&site.client, &flows)?;
    for connection in &mut connections {
        connection.padding = PADDING;
    }
    clients::ask(&mut connections)?;

    // HMARK sees addresses and protocol of a fragment, so a client's address has one gateway.
    let mut homes: BTreeMap<IpAddr, usize> = BTreeMap::new();
    for flow in &flows {
        let mark = flow.fragment_mark(site.rule(family))?;
        homes.insert(flow.source.ip(), site.gateway_of(mark)?);
    }
    let mut datagrams: BTreeMap<(IpAddr, IpAddr, u32), (BTreeSet<usize>, u64)> = BTreeMap::new();
    for (sighting, packets) in site.capture.take()? {
        let flow = sighting.flow;
        if let Kind::Fragment(id) = sighting.kind {
            let datagram = (flow.source.ip(), flow.destination.ip(), id);
            let (gateways, fragments) = datagrams.entry(datagram).or_default();
            gateways.insert(sighting.host);
            *fragments += packets;
        }
    }
    eprintln!("{:?}", datagrams.iter().take(12).collect::<Vec<_>>());
    for ((source, destination, _), (gateways, fragments)) in &datagrams {
        let home = homes.get(source).or_else(|| homes.get(destination));
        let home = home.with_context(|| format!("a fragment from {source} to {destination}"))?;
        ensure!(
            *gateways == BTreeSet::from([*home]) && *fragments == FRAGMENTS as u64,
            "a datagram from {source} to {destination}: {fragments} fragments, its mark says \
             gateway-{home}, seen by {gateways:?}"
        );
    }
    ensure!(
        datagrams.len() == 2 * FLOWS,
        "{} datagrams in fragments, not {FLOWS} questions and {FLOWS} answers",
        datagrams.len()
    );
    let used: BTreeSet<_> = homes.values().collect();
    ensure!(used.len() > 1, "all fragments go to one gateway");
    note!(
        "{family}: {} datagrams of {FRAGMENTS} fragments each, over {} gateways; misdelivered: 0",
        datagrams.len(),
        used.len()
    );
    Ok(())
}
