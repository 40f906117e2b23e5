// SPDX-License-Identifier: GPL-2.0-only

//! Both directions of each connection pass the gateway of its mark, although NAT changes addresses
//! and ports on the way, and whichever selector the blades send through.

use std::collections::BTreeSet;

use anyhow::{ensure, Result};
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::path;

use super::passes::{self, Passes};
use super::site::{site, Site, SELECTORS};
use super::table;
use crate::clients;
use crate::flow::{self, Flow, Transport};
use crate::share::ChiSquare;

/// Seed of the flows.
const SEED: u64 = 0x6e61_7401;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    flow::each_kind(path!(deliver), deliver)
}

fn deliver(transport: Transport, family: Family) -> Result<()> {
    let site = site()?;
    let flows = site.flows_to_service(family, transport, site.flows, SEED + transport as u64);
    site.capture.take()?;
    site.outside.take()?;
    let mut connections = site.open(&flows)?;
    clients::ask(&mut connections)?;
    for by in 1..=SELECTORS {
        site.turn_to_selector(by)?;
        clients::ask(&mut connections)?;
    }

    let passes = Passes::of(site, &flows, &site.capture.take()?);
    let counts = passes::by_gateway(site, &flows, &passes)?;
    let one_selector = passes.iter().find(|seen| seen.selectors.len() < SELECTORS);
    ensure!(one_selector.is_none(), "not all left through each selector");
    let chi_square = ChiSquare::check(&counts)?;
    let packets = passes.iter().map(|seen| seen.packets).sum();
    let moved = check_translated(site, &flows)?;
    table::delivered(transport, family, counts, packets, moved, chi_square);
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
    let public = site.marking.address(flows[0].family());
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
