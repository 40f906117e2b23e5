// SPDX-License-Identifier: GPL-2.0-only

//! A gateway dies and returns: its connections continue through another gateway and come back, and
//! no other connection moves.

use std::collections::BTreeSet;

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::note;
use testbed::trial::single;
use testbed::trials;

use super::site::{site, Site, NORTH, SOUTH};
use crate::account::Account;
use crate::clients::{self, Connection};
use crate::flow::{Flow, Transport};

/// Seed of the flows.
const SEED: u64 = 0x6465_6164;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![single(outlives_a_gateway)]
}

/// Connections of all kinds, asked before the failure, after its repair, and after the return.
fn outlives_a_gateway() -> Result<()> {
    let site = site()?;
    let number = |name: &str| -> Result<usize> {
        Ok(site.cluster.tutorial.setting(name, &site.client)?.parse()?)
    };
    let (dead, stand_in) = (number("DEAD")?, number("STANDIN")?);
    let of_dead = |flow: &Flow| -> Result<bool> { Ok(site.cluster.marking.home(flow)? == dead) };

    let mut groups = Vec::new();
    for family in Family::ALL {
        for transport in Transport::ALL {
            let seed = SEED + transport as u64;
            let flows = site.flows(family, transport, site.size.flows / 2, seed);
            groups.push((flows.clone(), clients::open(&site.client, &flows)?));
        }
    }
    let mut table = Table::default();
    table.row(site, "before", &mut groups, |gateway| gateway)?;

    let gateway = &site.cluster.gateways[dead];
    for network in [NORTH, SOUTH] {
        site.cluster.switches.power(gateway, network, "down")?;
    }
    let datagrams = groups
        .iter_mut()
        .find(|(flows, _)| flows[0].transport == Transport::Udp);
    let (_, connections) = datagrams.context("no flows by UDP")?;
    let is_lost = |connection: &Connection| of_dead(&connection.flow).unwrap_or(false);
    connections.sort_by_key(is_lost);
    let first = connections.partition_point(|connection| !is_lost(connection));
    let (living, lost) = connections.split_at_mut(first);
    let lost = lost.first_mut();
    let lost = lost.with_context(|| format!("gateway-{dead} has no flow by UDP"))?;
    lost.ask()?;
    // Each server answers in the order of questions, so these answers would come later.
    clients::ask(living).context("while a gateway is dead")?;
    ensure!(
        !lost.is_answered()?,
        "an answer came through a dead gateway"
    );
    site.cluster.play("When a gateway dies")?;
    table.row(site, "repaired", &mut groups, |gateway| {
        if gateway == dead {
            stand_in
        } else {
            gateway
        }
    })?;

    for network in [NORTH, SOUTH] {
        site.cluster.switches.power(gateway, network, "up")?;
    }
    site.cluster.play("When it returns")?;
    table.row(site, "returned", &mut groups, |gateway| gateway)?;

    let flows = groups.iter().flat_map(|(flows, _)| flows);
    let mut of_the_dead = 0;
    for flow in flows {
        of_the_dead += usize::from(of_dead(flow)?);
    }
    ensure!(
        table.moved == [0, of_the_dead, of_the_dead] && of_the_dead > 0,
        "gateway-{dead} had {of_the_dead} connections, but moved were {:?}",
        table.moved
    );
    note!(
        "gateway-{dead} dies, gateway-{stand_in} stands in, gateway-{dead} returns:\n\n\
         | | connections | moved | stayed | broken | misdelivered |\n\
         | --- | --: | --: | --: | --: | --: |\n{}",
        table.rows
    );
    Ok(())
}

/// The result of each step.
#[derive(Default)]
struct Table {
    rows: String,
    /// The gateways of each connection at the last step.
    places: Vec<BTreeSet<usize>>,
    /// The number of connections that changed gateway at each step.
    moved: Vec<usize>,
}

impl Table {
    /// Makes all connections ask, and counts those that changed gateway.
    fn row(
        &mut self,
        site: &Site,
        step: &str,
        groups: &mut [(Vec<Flow>, Vec<Connection>)],
        route: impl Fn(usize) -> usize + Copy,
    ) -> Result<()> {
        site.cluster.capture.take()?;
        for (_, connections) in &mut *groups {
            clients::ask(connections).with_context(|| step.to_owned())?;
        }
        let sightings = site.cluster.capture.take()?;
        let mut places = Vec::new();
        for (flows, _) in groups {
            let account = Account::routed(&site.cluster, flows, &sightings, route)?;
            account.check().with_context(|| step.to_owned())?;
            places.extend(account.places());
        }
        let moved = match self.places.is_empty() {
            true => 0,
            false => {
                let pairs = places.iter().zip(&self.places);
                pairs.filter(|(now, before)| now != before).count()
            }
        };
        // A broken or misdelivered connection has already failed the test above.
        let all = places.len();
        self.rows += &format!("| {step} | {all} | {moved} | {} | 0 | 0 |\n", all - moved);
        self.moved.push(moved);
        self.places = places;
        Ok(())
    }
}
