// SPDX-License-Identifier: GPL-2.0-only

//! Every packet of a flow, in both directions, passes the gateway of its mark, whichever selector
//! it comes through.

use anyhow::{ensure, Result};
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::note;
use testbed::path;

use super::account::Account;
use super::shares;
use super::site::{site, Site, SELECTORS};
use crate::clients;
use crate::flow::{self, Flow, Transport};

/// Seed of the TCP flows. The other protocols use other ports, since with the same ports UDP and
/// SCTP hashes differ only in bits that are too low to matter.
const SEED: u64 = 0x6970_7673;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    flow::each_kind(path!(deliver), deliver)
}

fn deliver(transport: Transport, family: Family) -> Result<()> {
    let site = site()?;
    let flows = site.flows(family, transport, site.size.flows, SEED + transport as u64);
    let account = through_all_selectors(site, &flows)?;
    account.check_share()?;
    note!("{account}");
    shares::add(&account);
    Ok(())
}

/// The account of flows that each come through one selector after the other, in the middle of their
/// connections.
///
/// # Errors
/// If one was misdelivered, or did not come through all selectors.
pub fn through_all_selectors(site: &Site, flows: &[Flow]) -> Result<Account> {
    site.capture.take()?;
    let mut connections = clients::open(&site.client, flows)?;
    clients::ask(&mut connections)?;
    for first in [1, 2, 0] {
        site.route_from(first)?;
        clients::ask(&mut connections)?;
    }
    let account = Account::of(site, flows, &site.capture.take()?)?;
    account.check()?;
    ensure!(
        account.selectors_of_each() == SELECTORS.len(),
        "a flow came through {} selectors alone",
        account.selectors_of_each()
    );
    Ok(account)
}
