// SPDX-License-Identifier: GPL-2.0-only

//! The hosts: selectors that have addresses and nothing more, gateways behind them, a client in front,
//! and the controller, which reaches the selectors by a network of its own.

use std::collections::{BTreeSet, HashMap};
use std::env;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::symlink;
use std::sync::Arc;

use anyhow::{ensure, Result};
use testbed::{install, patience};

use super::controller::Controller;
use crate::cables::Switches;
use crate::capture::Capture;
use crate::clients;
use crate::flow::{Flow, Transport};
use crate::host::Host;

/// The selectors' names.
pub const SELECTORS: [&str; 4] = ["selector-1", "selector-2", "selector-3", "selector-4"];

/// The mark of the first gateway.
pub const MARK: usize = 0x100;

/// The number of gateways.
const GATEWAYS: usize = 5;

/// The networks.
const FRONT: &str = "front";
const NORTH: &str = "north";
const OFFICE: &str = "office";

/// The client, and the cluster's addresses.
const CLIENT: [&str; 2] = ["192.0.2.254", "2001:db8:f::254"];
const CLUSTER: [&str; 2] = ["198.51.100.1", "2001:db8:100::1"];

/// Flows of each family, and the seed that they are chosen by.
const FLOWS: usize = 200;
const SEED: u64 = 0x616e_7369;

/// All hosts. The cables exist as long as the switches do.
pub struct Site {
    pub controller: Controller,
    pub selectors: Vec<Arc<Host>>,
    pub flows: Vec<Flow>,
    client: Arc<Host>,
    capture: Capture,
    _switches: Switches,
}

impl Site {
    /// Starts the hosts, and installs HMARK in the place of its packages.
    ///
    /// # Errors
    /// If a command fails.
    pub fn set_up() -> Result<Self> {
        install::install()?;
        let tool = env::current_dir()?.join("target/lab/release/hmark");
        symlink(tool, "/usr/local/bin/hmark")?;
        // The lab has no other.
        symlink("/usr/bin/busybox", "/usr/local/bin/ping")?;

        let switches = Switches::install("ansible", vec![FRONT, NORTH, OFFICE])?;
        let host = |name: &str, addresses: &[(&str, String)]| -> Result<Arc<Host>> {
            let host = Host::start("ansible", name)?;
            for (network, address) in addresses {
                let is_plugged = host.run(&format!("ip link show {network}")).is_ok();
                if !is_plugged {
                    switches.plug(&host, network)?;
                }
                host.netns().ip(&format!(
                    "link set {network} up\naddress add {address} dev {network}\n"
                ))?;
            }
            Ok(Arc::new(host))
        };
        let [four, six] = CLIENT;
        let client = host(
            "client",
            &[(FRONT, format!("{four}/24")), (FRONT, format!("{six}/64"))],
        )?;
        let controller = host("controller", &[(OFFICE, "10.9.0.254/24".to_owned())])?;
        let mut selectors = Vec::new();
        for (name, number) in SELECTORS.iter().zip(1..) {
            let addresses = [
                (FRONT, format!("192.0.2.{number}/24")),
                (FRONT, format!("2001:db8:f::{number}/64")),
                (NORTH, format!("10.1.0.{number}/24")),
                (NORTH, format!("fd00:1::{number}/64")),
                (OFFICE, format!("10.9.0.{number}/24")),
            ];
            selectors.push((host(name, &addresses)?, format!("10.9.0.{number}")));
        }
        let mut gateways = Vec::new();
        for number in 0..GATEWAYS {
            let addresses = [
                (NORTH, format!("10.1.0.1{number}/24")),
                (NORTH, format!("fd00:1::1{number}/64")),
            ];
            gateways.push(host(&format!("gateway-{number}"), &addresses)?);
        }
        let mut flows = Vec::new();
        for (source, destination) in CLIENT.into_iter().zip(CLUSTER) {
            let source: IpAddr = source.parse()?;
            let port = Transport::Udp.service();
            let to = SocketAddr::new(destination.parse()?, port);
            flows.extend(clients::choose(Transport::Udp, &[source], to, FLOWS, SEED));
        }
        Ok(Self {
            controller: Controller::set_up(controller, &selectors)?,
            selectors: selectors.into_iter().map(|(host, _)| host).collect(),
            flows,
            client,
            capture: Capture::start(&gateways, &[NORTH])?,
            _switches: switches,
        })
    }

    /// Sends a packet of each flow through each selector, and returns the gateway of each flow.
    ///
    /// # Errors
    /// If a packet gets lost, or selectors disagree.
    pub fn places(&self) -> Result<Vec<usize>> {
        let mut places = Vec::new();
        for number in 1..=SELECTORS.len() {
            let [four, six] = CLUSTER;
            self.client.netns().ip(&format!(
                "route replace {four} via 192.0.2.{number}\n\
                 route replace {six} via 2001:db8:f::{number}\n"
            ))?;
            let own = self.places_now()?;
            ensure!(
                places.is_empty() || places == own,
                "{} sends flows elsewhere",
                SELECTORS[number - 1]
            );
            places = own;
        }
        Ok(places)
    }

    fn places_now(&self) -> Result<Vec<usize>> {
        self.capture.take()?;
        self.client.netns().enter(|| {
            for flow in &self.flows {
                let socket = clients::bind(flow)?;
                socket.send_to(b"?", &flow.destination.into())?;
            }
            Ok(())
        })?;
        let mut seen: HashMap<Flow, BTreeSet<usize>> = HashMap::new();
        patience::wait("a packet got lost", || {
            for sighting in self.capture.take()?.into_keys() {
                seen.entry(sighting.flow).or_default().insert(sighting.host);
            }
            Ok(self.flows.iter().all(|flow| seen.contains_key(flow)))
        })?;
        let place = |flow| {
            let gateways: Vec<_> = seen.get(flow).into_iter().flatten().copied().collect();
            match gateways[..] {
                [one] => Ok(one),
                _ => anyhow::bail!("{flow} was seen by {gateways:?}"),
            }
        };
        self.flows.iter().map(place).collect()
    }
}
