// SPDX-License-Identifier: GPL-2.0-only

//! Every packet of a flow, in both directions, passes the gateway of its mark, whichever selector
//! it comes through.

use anyhow::Result;
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::note;
use testbed::path;

use super::site::{site, Site, FRONT};
use crate::account::Account;
use crate::flow::{self, Flow, Transport};
use crate::prediction;

/// Seed of the TCP flows. The other protocols use other ports, since with the same ports UDP and
/// SCTP hashes differ only in bits that are too low to matter.
const SEED: u64 = 0x6970_7673;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    flow::each_kind(path!(deliver), |transport, family| {
        let site = site()?;
        let account = deliver(site, transport, family, site.size.flows)?;
        note!("{account}");
        let flows = flows(site, transport, family, site.size.flows);
        let cluster = &site.cluster;
        for selector in &cluster.selectors {
            let predicted = prediction::check_gateways(
                selector,
                FRONT,
                &cluster.gateways,
                &flows,
                account.places(),
            )?;
            note!(
                "{}: {predicted} of {} flows seen where the operator's tool says on {}",
                account.title(),
                flows.len(),
                selector.name()
            );
        }
        Ok(())
    })
}

/// Sends `count` flows of a kind through all selectors, and adds them to the table.
///
/// # Errors
/// If one was misdelivered, or gateways have unequal shares.
pub fn deliver(site: &Site, transport: Transport, family: Family, count: usize) -> Result<Account> {
    let flows = flows(site, transport, family, count);
    let account = site.through_all_selectors(&flows)?;
    site.cluster.add_share(account.title(), &account)?;
    Ok(account)
}

fn flows(site: &Site, transport: Transport, family: Family, count: usize) -> Vec<Flow> {
    site.flows(family, transport, count, SEED + transport as u64)
}
