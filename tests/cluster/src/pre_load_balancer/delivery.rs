// SPDX-License-Identifier: GPL-2.0-only

//! Every packet of a flow, in both directions, passes the gateway of its mark, whichever selector
//! it comes through.

use anyhow::Result;
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::note;
use testbed::path;

use super::site::{site, Site};
use crate::account::Account;
use crate::flow::{self, Transport};

/// Seed of the TCP flows. The other protocols use other ports, since with the same ports UDP and
/// SCTP hashes differ only in bits that are too low to matter.
const SEED: u64 = 0x6970_7673;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    flow::each_kind(path!(deliver), |transport, family| {
        let site = site()?;
        let account = deliver(site, transport, family, site.size.flows)?;
        note!("{account}");
        Ok(())
    })
}

/// Sends `count` flows of a kind through all selectors, and adds them to the table.
///
/// # Errors
/// If one was misdelivered, or gateways have unequal shares.
pub fn deliver(site: &Site, transport: Transport, family: Family, count: usize) -> Result<Account> {
    let flows = site.flows(family, transport, count, SEED + transport as u64);
    let account = site.through_all_selectors(&flows)?;
    site.cluster.add_share(account.title(), &account)?;
    Ok(account)
}
