// SPDX-License-Identifier: GPL-2.0-only

//! A router between a sender and a link with many gateways.
//!
//! The gateways are hardware addresses on the far side of one veth pair. None is that of the far
//! device, whose stack therefore drops each frame as it comes in, and counts it: so little of the
//! time is spent behind the router.

use std::fmt::Write;

use anyhow::{ensure, Result};
use testbed::family::Family;
use testbed::netns::Netns;

use crate::pktgen::Traffic;

use super::arrivals::{self, Ear};
use super::plan::{address, destination, Plan};
use super::way::Way;

/// Source ports, each of which is a flow: from the first to the one before the last.
const PORTS: (u16, u16) = (10_000, 42_768);

/// A router with its sender and its receiver.
pub struct Router {
    sender: Netns,
    receiver: Netns,
    /// Kept so that it lives as long as this.
    _router: Netns,
    traffic: Traffic,
    /// How many gateways packets are spread over.
    gateways: usize,
    /// How many packets were sent.
    sent: u64,
}

impl Router {
    /// Makes the router of this number, which chooses gateways by `way`.
    ///
    /// # Errors
    /// If a command fails.
    pub fn new(number: usize, way: Way, plan: &Plan) -> Result<Self> {
        let family = plan.family;
        let sender = Netns::add(&format!("sender-{number}"))?;
        let router = Netns::add(&format!("router-{number}"))?;
        let receiver = Netns::add(&format!("receiver-{number}"))?;
        sender.ip(&format!(
            "link add out address 02:00:00:00:00:01 type veth \
             peer name in address 02:00:00:00:00:02 netns {}\n\
             link set out up\n",
            router.name()
        ))?;
        router.ip(&format!(
            "link add out address 02:00:00:00:00:03 type veth \
             peer name in address 02:00:00:00:00:04 netns {}\n\
             link set in up\n\
             link set out up\n",
            receiver.name()
        ))?;
        receiver.ip("link set in up\n")?;
        let (source, near, far) = match family {
            Family::Ipv4 => ("10.1.0.1", "10.1.0.2/24", "10.2.0.1/16"),
            Family::Ipv6 => ("fd01::1", "fd01::2/64 nodad", "fd02::1/64 nodad"),
        };
        let mut batch = format!("address add {near} dev in\naddress add {far} dev out\n");
        for gateway in 0..plan.gateways {
            let address = address(family, gateway);
            let hardware = arrivals::hardware_address(gateway);
            let _ = writeln!(
                batch,
                "neighbour add {address} lladdr {hardware} dev out nud permanent"
            );
        }
        router.ip(&batch)?;
        let forwarding = match family {
            Family::Ipv4 => "ipv4/ip_forward",
            Family::Ipv6 => "ipv6/conf/all/forwarding",
        };
        router.sysctl(forwarding, "1")?;
        way.set_up(plan, &router)?;
        Ok(Self {
            sender,
            receiver,
            _router: router,
            traffic: Traffic {
                family,
                device: "out",
                receiver: "02:00:00:00:00:02".to_owned(),
                source,
                destination: destination(family),
                ports: PORTS,
            },
            gateways: way.gateways(plan),
            sent: 0,
        })
    }

    /// Sends a packet of each flow, and checks that they are spread evenly over the gateways.
    ///
    /// # Errors
    /// If one is lost, or a gateway gets none, or much less or more than its share.
    pub fn check_shares(&mut self) -> Result<()> {
        let flows = PORTS.1 - PORTS.0;
        let ear = self.receiver.enter(Ear::open)?;
        self.send(flows.into())?;
        let counts = ear.counts()?;
        arrivals::check_even(&counts, self.gateways, flows.into())
    }

    /// Sends packets, and returns the time that each took, in thousands of the clock's units.
    ///
    /// # Errors
    /// If one is lost.
    pub fn cost(&mut self, packets: usize) -> Result<f64> {
        let rate = self.send(packets)?;
        let arrived = self.receiver.enter(arrivals::dropped)?;
        ensure!(
            arrived == self.sent,
            "of {} packets, {arrived} came through",
            self.sent
        );
        Ok(1e6 / rate)
    }

    fn send(&mut self, packets: usize) -> Result<f64> {
        self.sent += packets as u64;
        self.sender.enter(|| self.traffic.send(packets as u32))
    }
}
