// SPDX-License-Identifier: GPL-2.0-only

//! Selectors that `hmark plan` sets up deliver flows as those that are set up by hand do.

use anyhow::Result;
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::note;
use testbed::trial::on_uml;
use testbed::trials;

use super::site::{site, Site, FRONT};
use crate::flow::Transport;
use crate::host::{one, Host};
use crate::planned::{gateways, planned, with_gateways, Planned};
use crate::prediction;

/// Seed of the flows.
const SEED: u64 = 0x706c_616e;

/// The number of gateways in the text.
pub const GATEWAYS: usize = 4;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![on_uml(delivers)]
}

fn delivers() -> Result<()> {
    let site = site()?;
    planned(&files(site)?, || deliver(site))
}

/// All selectors, with their files.
///
/// # Errors
/// If the text has none.
pub fn files(site: &Site) -> Result<Vec<Planned>> {
    let in_front = site.cluster.selectors.iter().map(|selector| (selector, 1));
    let behind = one(&site.cluster.hosts, "selector-s")?;
    in_front
        .chain([(&behind, 2)])
        .map(|(selector, network)| Ok((selector.clone(), file(site, selector, network)?)))
        .collect()
}

/// The file that the text has for a selector whose gateways are in network `network`, for as many gateways as
/// there are.
fn file(site: &Site, selector: &Host, network: u8) -> Result<String> {
    let file = site.cluster.tutorial.file_of(selector)?;
    let count = site.cluster.gateways.len();
    if count == GATEWAYS {
        return Ok(file.to_owned());
    }
    let gateways = gateways(10..10 + count, |number| {
        (
            format!("10.{network}.0.{number}"),
            format!("fd00:{network}::{number}"),
        )
    });
    with_gateways(file, &gateways)
}

fn deliver(site: &Site) -> Result<()> {
    let cluster = &site.cluster;
    let mut sent = 0;
    for family in Family::ALL {
        for transport in Transport::ALL {
            let seed = SEED + transport as u64;
            let flows = site.flows(family, transport, site.size.flows, seed);
            let account = site.through_all_selectors(&flows)?;
            for selector in &cluster.selectors {
                let places = account.places();
                prediction::check_gateways(selector, FRONT, &cluster.gateways, &flows, places)?;
            }
            sent += flows.len();
        }
    }
    note!(
        "{sent} flows over {} gateways set up by hmark plan, as the operator's tool says; \
         misdelivered: 0",
        cluster.gateways.len()
    );
    Ok(())
}
