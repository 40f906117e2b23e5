// SPDX-License-Identifier: GPL-2.0-only

//! Fragments: all fragments of a datagram pass one gateway, which may not be that of its flow,
//! since only the first fragment has ports and HMARK does not use them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::note;
use testbed::trial::families;
use testbed::trials;

use super::site::site;
use crate::clients;
use crate::flow::{Kind, Transport};

/// Seed of the flows, and their number.
const SEED: u64 = 0x6672_6167;
const FLOWS: usize = 60;

/// Bytes that questions have in addition to their text, so that they and their answers are sent as
/// three fragments.
const PADDING: usize = 4000;
const FRAGMENTS: u64 = 3;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![families(keep_together)]
}

fn keep_together(family: Family) -> Result<()> {
    let site = site()?;
    let flows = site.flows(family, Transport::Udp, FLOWS, SEED);
    site.cluster.capture.take()?;
    let mut connections = clients::open(&site.client, &flows)?;
    for connection in &mut connections {
        connection.padding = PADDING;
    }
    clients::ask(&mut connections)?;

    // HMARK hashes only addresses and protocol of a fragment, so each client's address has one
    // gateway. IPVS may already have overwritten which datagram a fragment belongs to, as it shares
    // IPv6 headers with packet sockets. So fragments are counted by address.
    let mut expected: BTreeMap<IpAddr, (usize, u64)> = BTreeMap::new();
    for flow in &flows {
        let mark = flow.fragment_mark(site.cluster.marking.rule(family))?;
        let home = site.cluster.marking.gateway_of(mark)?;
        let (_, fragments) = expected.entry(flow.source.ip()).or_insert((home, 0));
        *fragments += FRAGMENTS;
    }
    let mut forth: BTreeMap<IpAddr, BTreeMap<usize, u64>> = BTreeMap::new();
    let mut back = forth.clone();
    let server = site.address(family, Transport::Udp).ip();
    for (sighting, packets) in site.cluster.capture.take()? {
        let flow = sighting.flow;
        ensure!(
            sighting.kind == Kind::Fragment,
            "{flow}: {:?}",
            sighting.kind
        );
        let gateways = match flow.destination.ip() == server {
            true => forth.entry(flow.source.ip()),
            false => back.entry(flow.destination.ip()),
        };
        *gateways.or_default().entry(sighting.host).or_default() += packets;
    }
    for (client, (home, fragments)) in &expected {
        let at_home = BTreeMap::from([(*home, *fragments)]);
        for (gateways, way) in [(&forth, "to"), (&back, "from")] {
            let gateways = gateways.get(client).context("no fragments")?;
            ensure!(
                *gateways == at_home,
                "fragments {way} the cluster, of {client}, by gateway: {gateways:?}, \
                 not {at_home:?}"
            );
        }
    }
    let homes: BTreeSet<_> = expected.values().map(|(home, _)| home).collect();
    ensure!(homes.len() > 1, "all fragments go to one gateway");
    note!(
        "{family}: {} datagrams of {FRAGMENTS} fragments, of {} clients, over {} gateways; \
         misdelivered: 0",
        2 * FLOWS,
        expected.len(),
        homes.len()
    );
    Ok(())
}
