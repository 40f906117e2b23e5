// SPDX-License-Identifier: GPL-2.0-only

//! Both directions of each connection pass the gateway of its mark, although NAT changes addresses
//! and ports on the way, and whichever selector the blades send through.

use std::collections::BTreeSet;

use anyhow::{ensure, Result};
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::note;
use testbed::path;

use super::site::{site, Site};
use crate::flow::{self, Flow, Transport};
use crate::prediction;

/// Seed of the flows.
const SEED: u64 = 0x6e61_7401;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    flow::each_kind(path!(deliver), deliver)
}

fn deliver(transport: Transport, family: Family) -> Result<()> {
    deliver_from(SEED, transport, family)
}

/// Sends connections of a kind, chosen by a seed, and adds them to the table.
///
/// # Errors
/// If one was misdelivered, or the tool says another gateway.
pub fn deliver_from(seed: u64, transport: Transport, family: Family) -> Result<()> {
    let site = site()?;
    let flows = site.flows_to_service(family, transport, site.flows, seed + transport as u64);
    site.outside.take()?;
    let account = site.cluster.through_all_selectors(
        &flows,
        |flows| site.open(flows),
        |turned| site.turn_to_selector(turned),
    )?;
    site.cluster.add_share(account.title(), &account)?;
    let moved = check_translated(site, &flows)?;
    note!("{account}; with another port outside: {moved}");
    for selector in &site.cluster.selectors {
        let gateways = &site.cluster.gateways;
        let predicted =
            prediction::check_gateways(selector, "blades", gateways, &flows, account.places())?;
        note!(
            "{}: {predicted} of {} flows seen where the operator's tool says on {}",
            account.title(),
            flows.len(),
            selector.name()
        );
    }
    Ok(())
}

/// Checks that all connections have the cluster's address outside, and counts those whose port
/// there differs from that on their blade.
fn check_translated(site: &Site, flows: &[Flow]) -> Result<usize> {
    let (transport, server) = (flows[0].transport, flows[0].destination);
    let seen = site.outside.take()?.into_keys();
    let outside: BTreeSet<_> = seen
        .map(|sighting| sighting.flow)
        .filter(|flow| flow.transport == transport && flow.destination == server)
        .collect();
    let public = site.cluster.marking.address(flows[0].family());
    for flow in &outside {
        ensure!(flow.source.ip() == public, "{flow} was not translated");
    }
    ensure!(
        outside.len() == flows.len(),
        "{} connections outside, and {} inside",
        outside.len(),
        flows.len()
    );
    let ports: BTreeSet<_> = flows.iter().map(|flow| flow.source.port()).collect();
    let kept = outside
        .iter()
        .filter(|flow| ports.contains(&flow.source.port()));
    Ok(flows.len() - kept.count())
}
