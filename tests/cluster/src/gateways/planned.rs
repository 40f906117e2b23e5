// SPDX-License-Identifier: GPL-2.0-only

//! Selectors and a border that the page's plans set up deliver connections as those set up by hand do.

use anyhow::Result;
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::trial::on_uml;
use testbed::trials;

use super::delivery::deliver_from;
use super::site::site;
use crate::flow::Transport;
use crate::host::one;
use crate::planned::{planned, Planned};

/// Seed of the connections.
const SEED: u64 = 0x706c_6e32;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![on_uml(delivers)]
}

fn delivers() -> Result<()> {
    let cluster = &site()?.cluster;
    let border = one(&cluster.hosts, "border")?;
    let hosts = cluster.selectors.iter().cloned().chain([border]);
    let all = hosts.map(|host| {
        let file = cluster.tutorial.file_of(&host)?.to_owned();
        Ok((host, file))
    });
    let all = all.collect::<Result<Vec<Planned>>>()?;
    planned(&all, || {
        for family in Family::ALL {
            for transport in Transport::ALL {
                deliver_from(SEED, transport, family)?;
            }
        }
        Ok(())
    })
}
