// SPDX-License-Identifier: GPL-2.0-only

//! Networks, each a switch, and the cables from hosts to them.

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result};
use testbed::family::{Commands, Family};
use testbed::netns::Netns;
use testbed::patience::wait;

use crate::host::Host;

/// How hosts ask for the hardware addresses of their neighbours. The kernel has one table for all
/// hosts, whose size is meant for one host. Neighbours stay, so that their addresses are asked for
/// once, as often as it takes on a slow machine.
const NEIGHBOURS: [(&str, &str); 6] = [
    ("gc_thresh1", "65536"),
    ("gc_thresh2", "65536"),
    ("gc_thresh3", "65536"),
    ("base_reachable_time_ms", "86400000"),
    ("mcast_solicit", "300"),
    ("ucast_solicit", "300"),
];

/// The switches of a site, in a namespace of their own.
pub struct Switches {
    netns: Netns,
    networks: Vec<&'static str>,
}

impl Switches {
    /// Makes a switch for each of `networks`.
    ///
    /// # Errors
    /// If iproute2 fails.
    pub fn install(site: &str, networks: Vec<&'static str>) -> Result<Self> {
        for family in Family::ALL {
            for (name, value) in NEIGHBOURS {
                let file = format!("{}/neigh/default/{name}", family.name());
                fs::write(format!("/proc/sys/net/{file}"), value).context(file)?;
            }
        }
        let netns = Netns::add(&format!("{site}-switches"))?;
        for network in &networks {
            netns.ip(&format!(
                "link add {network} type bridge mcast_snooping 0\nlink set {network} up\n"
            ))?;
        }
        Ok(Self { netns, networks })
    }

    /// Plugs a cable from a host into `network`. The host gets an interface of that name, without
    /// an address and down.
    ///
    /// # Errors
    /// If the host is already plugged in, or there is no such network.
    pub fn plug(&self, host: &Host, network: &str) -> Result<()> {
        let port = self.port(host, network)?;
        self.netns.ip(&format!(
            "link add {port} type veth peer name {network} netns {}\n\
             link set {port} master {network} up\n",
            host.netns().name()
        ))
    }

    /// Plugs cables from one host into `network`, whose interfaces on it have `names` of their own and are up.
    ///
    /// # Errors
    /// As [`Self::plug`].
    pub fn plug_all(&self, host: &Host, network: &str, names: &[String]) -> Result<()> {
        let mut batch = String::new();
        for name in names {
            let port = self.port_named(name, network)?;
            writeln!(
                batch,
                "link add {port} type veth peer name {name} netns {}\n\
                 link set {port} master {network} up",
                host.netns().name()
            )?;
        }
        self.netns.ip(&batch)?;
        let up = names.iter().map(|name| format!("link set {name} up\n"));
        host.netns().ip(&up.collect::<String>())
    }

    /// Turns the port that a host is plugged into off or on: `state` is `down` or `up`. Returns once
    /// both ends of the cable have noticed.
    ///
    /// # Errors
    /// If the host is not plugged in.
    pub fn power(&self, host: &Host, network: &str, state: &str) -> Result<()> {
        let port = self.port(host, network)?;
        self.netns.ip(&format!("link set {port} {state}\n"))?;
        let carries = |netns: &Netns, end: &str| -> Result<bool> {
            let shown = netns.run(&format!("ip link show dev {end}"))?;
            Ok(shown.contains(" state UP "))
        };
        wait("a cable has not noticed its port", || {
            let ends = [(&self.netns, &*port), (host.netns(), network)];
            for (netns, end) in ends {
                if carries(netns, end)? != (state == "up") {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// The switch's name for the port, with the network's number, as an interface's name is at most
    /// 15 bytes long.
    fn port(&self, host: &Host, network: &str) -> Result<String> {
        self.port_named(host.name(), network)
    }

    fn port_named(&self, name: &str, network: &str) -> Result<String> {
        let number = self.networks.iter().position(|own| *own == network);
        let number = number.with_context(|| format!("there is no network {network}"))?;
        Ok(format!("{number}-{name}"))
    }
}
