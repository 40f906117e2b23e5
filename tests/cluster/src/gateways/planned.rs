// SPDX-License-Identifier: GPL-2.0-only

//! Selectors and a border that `hmark plan` sets up deliver connections as those set up by hand do.

use anyhow::Result;
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::trial::on_uml;
use testbed::trials;

use super::delivery::deliver_from;
use super::site::site;
use crate::flow::Transport;
use crate::host::one;
use crate::planned::{gateways, planned, Planned};

/// Seed of the connections.
const SEED: u64 = 0x706c_6e32;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![on_uml(delivers)]
}

/// The rules of a selector.
const SELECTOR: &str = "[[match]]
in-interface = \"blades\"
destination = [\"! 10.0.0.0/8\", \"! fd00::/8\"]
";

fn delivers() -> Result<()> {
    let site = site()?;
    let count = site.cluster.gateways.len();
    let file = |device: &str, network: u8| {
        let gateways = gateways(11..11 + count, |number| {
            (
                format!("10.{network}.0.{number}"),
                format!("fd00:{network}::{number}"),
            )
        });
        format!("device = \"{device}\"\n{gateways}")
    };
    let mut all: Vec<Planned> = Vec::new();
    for selector in &site.cluster.selectors {
        all.push((selector.clone(), file("inner", 1) + SELECTOR));
    }
    let address = |family| site.cluster.marking.address(family);
    let (four, six) = (address(Family::Ipv4), address(Family::Ipv6));
    let border = format!(
        "to = [\"10.3.0.0/24\", \"fd00:3::/64\"]\n{}[[match]]\nin-interface = \"internet\"\n\
         destination = [\"{four}\", \"{six}\"]\nct = true\n[[match]]\nchain = \"OUTPUT\"\n\
         destination = [\"10.3.0.0/24\", \"fd00:3::/64\"]\nprotocol = \"icmp\"\n",
        file("outer", 2)
    );
    all.push((one(&site.cluster.hosts, "border")?, border));
    planned(&all, || {
        for family in Family::ALL {
            for transport in Transport::ALL {
                deliver_from(SEED, transport, family)?;
            }
        }
        Ok(())
    })
}
