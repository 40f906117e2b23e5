// SPDX-License-Identifier: GPL-2.0-only

//! The hosts and cables of the tutorial, set up by its commands, with running clients and servers.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;

use anyhow::{anyhow, Context, Result};
use testbed::family::Family;
use testbed::{install, kernel, module};

use crate::cables::Switches;
use crate::capture::Capture;
use crate::clients;
use crate::echo;
use crate::flow::{Flow, Transport};
use crate::host::Host;
use crate::rule::Marking;
use crate::size::Size;
use crate::tutorial::Tutorial;

const TUTORIAL: &str = "docs/pre-load-balancer.md";

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

/// The interfaces to capture on gateways: for packets from selectors, and for packets from
/// selector-s.
const HEARD: [&str; 2] = [NORTH, SOUTH];

/// The selectors in front.
pub const SELECTORS: [&str; 3] = ["selector-a", "selector-b", "selector-c"];

/// The mark of gateway-0: `--hmark-offs`.
pub const FIRST_MARK: u32 = 100;

/// Makes a web server wait for clients as long as it takes; the tutorial says how long it keeps
/// connections after an answer.
const PATIENT: &str = "echo 'client_header_timeout 1d; send_timeout 1d; keepalive_time 1d;' \
                       > /etc/nginx/conf.d/patient.conf";

/// The number of client networks, and of client addresses of each family in each network.
const NETWORKS: usize = 3;
const CLIENTS: u8 = 32;

/// The cluster, its clients, and a capture of the packets that its gateways receive.
pub struct Site {
    pub size: Size,
    pub client: Host,
    pub selectors: Vec<Host>,
    pub gateways: Vec<Host>,
    pub servers: Vec<Host>,
    /// selector-s.
    pub behind: Host,
    pub switches: Switches,
    pub tutorial: Tutorial,
    pub capture: Capture,
    /// The hardware addresses of the selectors on the gateways' side.
    pub senders: Vec<[u8; 6]>,
    pub marking: Marking,
}

static SITE: OnceLock<Result<Site, String>> = OnceLock::new();

/// The site, which the first test that needs it sets up.
///
/// # Errors
/// If it could not be set up.
pub fn site() -> Result<&'static Site> {
    let site = SITE.get_or_init(|| Site::set_up().map_err(|error| format!("{error:#}")));
    site.as_ref()
        .map_err(|error| anyhow!("no cluster: {error}"))
}

impl Site {
    fn set_up() -> Result<Self> {
        install::install()?;
        kernel::load_sctp()?;
        let size = Size::wanted()?;
        let start = |name: &str| Host::start("ipvs", name);
        let numbered = |name: &str, count: usize| {
            let hosts = (0..count).map(|number| start(&format!("{name}-{number}")));
            hosts.collect::<Result<Vec<_>>>()
        };
        let client = start("client")?;
        let selectors: Vec<_> = SELECTORS.into_iter().map(start).collect::<Result<_>>()?;
        let gateways = numbered("gateway", size.gateways)?;
        let servers = numbered("server", size.servers)?;
        let behind = start("selector-s")?;

        let switches = Switches::install("ipvs", &[FRONT, NORTH, SOUTH])?;
        for host in selectors.iter().chain([&client]) {
            switches.plug(host, FRONT)?;
        }
        for host in selectors.iter().chain(&gateways) {
            switches.plug(host, NORTH)?;
        }
        for host in gateways.iter().chain(&servers).chain([&behind]) {
            switches.plug(host, SOUTH)?;
        }

        let settings = format!("GATEWAYS={}\nSERVERS={}", size.gateways, size.servers);
        let tutorial = Tutorial::read(TUTORIAL, &settings)?;
        for server in &servers {
            server.run(PATIENT)?;
        }
        let hosts = || hosts(&client, &selectors, &gateways, &servers, &behind);
        for section in SET_UP {
            tutorial.play(section, hosts())?;
        }
        module::check_ours().context("no rule brought our module in")?;

        let marking = Marking::of(
            &tutorial,
            &client,
            &selectors[0],
            FIRST_MARK,
            gateways.len(),
        )?;
        let senders = selectors.iter().map(|selector| selector.mac(NORTH));
        let site = Self {
            size,
            senders: senders.collect::<Result<_>>()?,
            capture: Capture::start(&gateways, &HEARD)?,
            client,
            selectors,
            gateways,
            servers,
            behind,
            switches,
            tutorial,
            marking,
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

    /// All hosts.
    pub fn hosts(&self) -> impl Iterator<Item = &Host> + Clone {
        hosts(
            &self.client,
            &self.selectors,
            &self.gateways,
            &self.servers,
            &self.behind,
        )
    }

    /// The selectors in front, and selector-s.
    pub fn all_selectors(&self) -> impl Iterator<Item = &Host> {
        self.selectors.iter().chain([&self.behind])
    }

    /// The cluster's address, and the port of the service.
    pub fn address(&self, family: Family, transport: Transport) -> SocketAddr {
        SocketAddr::new(self.marking.address(family), transport.service())
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
                let address = self.marking.address(family);
                let route = format!("{address} via {router}{selector} table {table}");
                writeln!(batch, "route replace {route}")?;
            }
        }
        self.client.netns().ip(&batch)
    }
}

fn hosts<'h>(
    client: &'h Host,
    selectors: &'h [Host],
    gateways: &'h [Host],
    servers: &'h [Host],
    behind: &'h Host,
) -> impl Iterator<Item = &'h Host> + Clone {
    let ends = [client, behind].into_iter();
    ends.chain(selectors).chain(gateways).chain(servers)
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
