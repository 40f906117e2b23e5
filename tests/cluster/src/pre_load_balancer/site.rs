// SPDX-License-Identifier: GPL-2.0-only

//! The cluster of the tutorial, with running clients and servers.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use testbed::family::Family;
use testbed::once::{once, Once};

use crate::account::Account;
use crate::clients;
use crate::cluster::{Cluster, Plan};
use crate::echo;
use crate::flow::{Flow, Transport};
use crate::host::{named, one, Host};
use crate::size::Size;
use crate::stage::Props;

/// The sections that set the cluster up, in the order of the text.
const SET_UP: [&str; 5] = [
    "Servers",
    "Gateways",
    "Selectors",
    "The way back",
    "The router in front",
];

/// The networks, whose names their interfaces have too.
pub const FRONT: &str = "front";
pub const NORTH: &str = "north";
pub const SOUTH: &str = "south";

/// The hosts on each network.
const CABLES: &[(&str, &[&str])] = &[
    (FRONT, &["client", "selector-a", "selector-b", "selector-c"]),
    (
        NORTH,
        &["selector-a", "selector-b", "selector-c", "gateway-*"],
    ),
    (SOUTH, &["gateway-*", "server-*", "selector-s"]),
];

/// The selectors in front.
const SELECTORS: [&str; 3] = ["selector-a", "selector-b", "selector-c"];

/// Makes a web server wait for clients as long as it takes; the tutorial says how long it keeps
/// connections after an answer.
const PATIENT: &str = "echo 'client_header_timeout 1d; send_timeout 1d; keepalive_time 1d;' \
                       > /etc/nginx/conf.d/patient.conf";

/// The number of client networks, and of client addresses of each family in each network.
const NETWORKS: usize = 3;
const CLIENTS: u8 = 32;

/// The cluster, its clients and its servers.
pub struct Site {
    pub size: Size,
    pub cluster: Cluster,
    pub client: Arc<Host>,
    pub servers: Vec<Arc<Host>>,
    /// selector-s.
    behind: Arc<Host>,
}

static SITE: Once<Site> = Once::new();

/// The site, which the first test that needs it sets up.
///
/// # Errors
/// If it could not be set up.
pub fn site() -> Result<&'static Site> {
    once(&SITE, Site::set_up).context("no cluster")
}

impl Site {
    fn set_up() -> Result<Self> {
        let size = Size::wanted()?;
        let mut names = vec!["client".to_owned(), "selector-s".to_owned()];
        names.extend(SELECTORS.map(str::to_owned));
        names.extend((0..size.gateways).map(|number| format!("gateway-{number}")));
        names.extend((0..size.servers).map(|number| format!("server-{number}")));
        let plan = Plan {
            props: Props {
                name: "ipvs",
                tutorial: "docs/pre-load-balancer.md",
                settings: &format!(
                    "GATEWAYS={0} FROM={0} SERVERS={1}",
                    size.gateways, size.servers
                ),
                sections: &SET_UP,
                hosts: &names,
                cables: CABLES,
            },
            addressed: "client",
            selectors: &SELECTORS,
            heard: [NORTH, SOUTH],
            first_mark: 100,
        };
        let cluster = Cluster::set_up(&plan, |hosts| {
            let servers = named(hosts, "server-*");
            servers
                .iter()
                .try_for_each(|server| server.run(PATIENT).map(drop))
        })?;
        let site = Self {
            size,
            client: one(&cluster.hosts, "client")?,
            servers: named(&cluster.hosts, "server-*"),
            behind: one(&cluster.hosts, "selector-s")?,
            cluster,
        };
        site.move_in()?;
        Ok(site)
    }

    /// Adds the clients' addresses, and starts the UDP and SCTP servers.
    fn move_in(&self) -> Result<()> {
        for family in Family::ALL {
            let mut batch = String::new();
            for address in addresses(family) {
                writeln!(batch, "address add {address} dev lo")?;
            }
            self.client.netns().ip(&batch)?;
            for server in &self.servers {
                echo::serve(server, self.address(family, Transport::Udp))?;
            }
        }
        Ok(())
    }

    /// The selectors in front, and selector-s.
    pub fn all_selectors(&self) -> impl Iterator<Item = &Host> {
        let all = self.cluster.selectors.iter().chain([&self.behind]);
        all.map(Arc::as_ref)
    }

    /// The cluster's address, and the port of the service.
    pub fn address(&self, family: Family, transport: Transport) -> SocketAddr {
        SocketAddr::new(self.cluster.marking.address(family), transport.service())
    }

    /// Flows from the clients, the same ones for the same seed.
    pub fn flows(
        &self,
        family: Family,
        transport: Transport,
        count: usize,
        seed: u64,
    ) -> Vec<Flow> {
        let addresses: Vec<_> = addresses(family).collect();
        let server = self.address(family, transport);
        clients::choose(transport, &addresses, server, count, seed)
    }

    /// The account of flows that each come through one selector after the other.
    ///
    /// # Errors
    /// If one was misdelivered, or did not come through all selectors.
    pub fn through_all_selectors(&self, flows: &[Flow]) -> Result<Account> {
        let open = |flows: &[Flow]| clients::open(&self.client, flows);
        self.cluster
            .through_all_selectors(flows, open, |turned| self.route_from(turned))
    }

    /// Makes the router in front send the clients' packets through other selectors: those of the
    /// first network through selector number `first`, those of the second through the next, and so
    /// on.
    ///
    /// # Errors
    /// If iproute2 fails.
    pub fn route_from(&self, first: usize) -> Result<()> {
        let mut batch = String::new();
        for network in 0..NETWORKS {
            let table = network + 1;
            let selector = (network + first) % SELECTORS.len() + 1;
            for (family, router) in [(Family::Ipv4, "192.0.2."), (Family::Ipv6, "2001:db8:f::")] {
                let address = self.cluster.marking.address(family);
                let route = format!("{address} via {router}{selector} table {table}");
                writeln!(batch, "route replace {route}")?;
            }
        }
        self.client.netns().ip(&batch)
    }
}

/// The clients' addresses. The first address of each network is the router's own.
fn addresses(family: Family) -> impl Iterator<Item = IpAddr> {
    let number = move |network, client| match family {
        Family::Ipv4 => [10, 64, network as u8, client].into(),
        Family::Ipv6 => [0xfd00, 0x64, network as u16, 0, 0, 0, 0, client.into()].into(),
    };
    (1..=NETWORKS)
        .flat_map(move |network| (0..CLIENTS).map(move |client| number(network, client + 2)))
}
