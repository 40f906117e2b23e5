// SPDX-License-Identifier: GPL-2.0-only

//! Networks, each a switch, and the cables from hosts to them.

use std::fs;

use anyhow::{Context, Result};
use tests::family::Family;
use tests::netns::Netns;

use crate::host::Host;

/// How many neighbours all hosts together may know.
const NEIGHBOURS: &str = "65536";

/// The switches of a site, which are in a namespace of their own.
pub struct Switches {
    netns: Netns,
    networks: &'static [&'static str],
}

impl Switches {
    /// Makes a switch for each of `networks`.
    ///
    /// # Errors
    /// If iproute2 fails.
    pub fn install(site: &str, networks: &'static [&'static str]) -> Result<Self> {
        // The kernel has one table of neighbours, of a size that is meant for one host.
        for family in Family::ALL {
            for limit in 1..=3 {
                let file = format!("{}/neigh/default/gc_thresh{limit}", family.name());
                fs::write(format!("/proc/sys/net/{file}"), NEIGHBOURS).context(file)?;
            }
        }
        let netns = Netns::add(&format!("{site}-switches"))?;
        for network in networks {
            netns.ip(&format!(
                "link add {network} type bridge mcast_snooping 0\nlink set {network} up\n"
            ))?;
        }
        Ok(Self { netns, networks })
    }

    /// Plugs a cable from a host into `network`: the host gets an interface of that name, with no
    /// address and down.
    ///
    /// # Errors
    /// If there is one, or no such network.
    pub fn plug(&self, host: &Host, network: &str) -> Result<()> {
        let port = self.port(host, network)?;
        self.netns.ip(&format!(
            "link add {port} type veth peer name {network} netns {}\n\
             link set {port} master {network} up\n",
            host.netns().name()
        ))
    }

    /// Takes the power of the port that a host is plugged into, or gives it back: `down` or `up`.
    ///
    /// # Errors
    /// If the host is not plugged in.
    pub fn power(&self, host: &Host, network: &str, state: &str) -> Result<()> {
        let port = self.port(host, network)?;
        self.netns.ip(&format!("link set {port} {state}\n"))
    }

    /// An interface's name may have 15 letters, so a network has its number there.
    fn port(&self, host: &Host, network: &str) -> Result<String> {
        let number = self.networks.iter().position(|name| *name == network);
        let number = number.with_context(|| format!("there is no network {network}"))?;
        Ok(format!("{number}-{}", host.name()))
    }
}
