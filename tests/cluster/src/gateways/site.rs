// SPDX-License-Identifier: GPL-2.0-only

//! The hosts and cables of the tutorial, set up by its commands, with a running server.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use testbed::family::Family;
use testbed::once::{once, Once};

use super::attempts::{self, Attempt};
use crate::capture::Capture;
use crate::clients::{self, Connection};
use crate::cluster::{Cluster, Plan};
use crate::echo;
use crate::flow::{Flow, Transport};
use crate::host::{named, one, Host};
use crate::size::Size;
use crate::stage::Props;

/// The sections that set the cluster up, in the order of the text.
const SET_UP: [&str; 6] = [
    "Blades",
    "Selectors",
    "Gateways",
    "The border",
    "Pings by IPv6",
    "Outside",
];

/// The hosts, and the networks that they are on, whose names their interfaces have too.
const HOSTS: [&str; 10] = [
    "blade-1",
    "blade-2",
    "blade-3",
    "selector-a",
    "selector-b",
    "gateway-a",
    "gateway-b",
    "gateway-c",
    "border",
    "server",
];
const CABLES: &[(&str, &[&str])] = &[
    ("blades", &["blade-*", "selector-*"]),
    ("inner", &["selector-*", "gateway-*"]),
    ("outer", &["gateway-*", "border"]),
    ("internet", &["border", "server"]),
];

/// Maximum number of flows in a test: three gateways need no more, and connection tracking keeps
/// the flows of all tests.
const MOST: usize = 400;

/// Defines `ping`, as the lab has only that of busybox; and makes commands wait as long as it takes
/// on a slow machine: the web server for its clients, and `sleep` for the errors that are counted
/// after it.
const SETTINGS: &str = r#"
    ping() { busybox ping "$@"; }
    nginx() {
        sed -i 's/^http {/& client_header_timeout 1d; keepalive_timeout 1d; keepalive_time 1d;/' /run/nginx.conf
        command nginx "$@"
    }
    sleep() {
        for look in $(seq 3000); do
            ! nstat -asz IcmpInTimeExcds | grep -q ' 6 ' || return 0
            command sleep 0.1
        done
    }"#;

/// How long gateways and border know a connection without packets. The tests compare all packets of
/// a connection, so it must not be forgotten in between.
const TRACKED: [&str; 7] = [
    "udp_timeout",
    "udp_timeout_stream",
    "tcp_timeout_syn_sent",
    "tcp_timeout_syn_recv",
    "sctp_timeout_cookie_wait",
    "sctp_timeout_cookie_echoed",
    "sctp_timeout_established",
];

/// A port where the server has no service.
const CLOSED: u16 = 9;

/// The cluster, a server outside, and a capture of the packets that the server receives.
pub struct Site {
    pub cluster: Cluster,
    /// Number of flows of each family and transport, the same from each blade.
    pub flows: usize,
    blades: Vec<Arc<Host>>,
    pub server: Arc<Host>,
    pub outside: Capture,
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
        let plan = Plan {
            props: Props {
                name: "nat",
                tutorial: "docs/gateways.md",
                settings: SETTINGS,
                sections: &SET_UP,
                hosts: &HOSTS.map(str::to_owned),
                cables: CABLES,
            },
            addressed: "border",
            selectors: &["selector-a", "selector-b"],
            heard: ["inner", "outer"],
            first_mark: 101,
        };
        let cluster = Cluster::set_up(&plan, prepare)?;
        let border = one(&cluster.hosts, "border")?;
        for host in cluster.gateways.iter().chain([&border]) {
            for timeout in TRACKED {
                let file = format!("netfilter/nf_conntrack_{timeout}");
                host.netns().sysctl(&file, "86400")?;
            }
        }
        let server = one(&cluster.hosts, "server")?;
        for family in Family::ALL {
            echo::serve(&server, service(family, Transport::Udp))?;
        }
        Ok(Self {
            flows: Size::wanted()?.flows.min(MOST),
            outside: Capture::start(std::slice::from_ref(&server), &["internet"])?,
            blades: named(&cluster.hosts, "blade-*"),
            server,
            cluster,
        })
    }

    /// About `count` flows to the server's service, the same ones for the same seed. All blades use
    /// the same ports, so that NAT has to translate the ports of most flows.
    pub fn flows_to_service(
        &self,
        family: Family,
        transport: Transport,
        count: usize,
        seed: u64,
    ) -> Vec<Flow> {
        self.flows_to(service(family, transport), transport, count, seed)
    }

    /// Like [`Self::flows_to_service`], but to a port where nobody listens.
    pub fn flows_to_nobody(&self, family: Family, count: usize, seed: u64) -> Vec<Flow> {
        let mut server = service(family, Transport::Udp);
        server.set_port(CLOSED);
        self.flows_to(server, Transport::Udp, count, seed)
    }

    fn flows_to(
        &self,
        server: SocketAddr,
        transport: Transport,
        count: usize,
        seed: u64,
    ) -> Vec<Flow> {
        let each = count.div_ceil(self.blades.len());
        let blades = (1..=self.blades.len()).map(|blade| match server.is_ipv4() {
            true => IpAddr::from([10, 3, 0, 10 + blade as u8]),
            false => [0xfd00, 3, 0, 0, 0, 0, 0, 0x10 + blade as u16].into(),
        });
        blades
            .flat_map(|blade| clients::choose(transport, &[blade], server, each, seed))
            .collect()
    }

    /// Opens connections from the blades, one after the other.
    ///
    /// # Errors
    /// If one is refused or gets no answer.
    pub fn open(&self, flows: &[Flow]) -> Result<Vec<Connection>> {
        let mut connections = Vec::new();
        for (blade, flows) in self.by_blade(flows) {
            connections.extend(clients::open(blade, flows)?);
        }
        Ok(connections)
    }

    /// Makes the blades try to open connections, all at once.
    ///
    /// # Errors
    /// If one cannot even try.
    pub fn attempt(&self, flows: &[Flow]) -> Result<Vec<Attempt>> {
        let mut begun = Vec::new();
        for (blade, flows) in self.by_blade(flows) {
            begun.extend(attempts::begin(blade, flows)?);
        }
        Ok(begun)
    }

    fn by_blade<'f>(&self, flows: &'f [Flow]) -> impl Iterator<Item = (&Arc<Host>, &'f [Flow])> {
        self.blades
            .iter()
            .zip(flows.chunks(flows.len().div_ceil(self.blades.len())))
    }

    /// Makes each blade send through the selector `by` places after the tutorial's.
    ///
    /// # Errors
    /// If iproute2 fails.
    pub fn turn_to_selector(&self, by: usize) -> Result<()> {
        for (blade, number) in self.blades.iter().zip(1..) {
            let selector = (number + by) % self.cluster.selectors.len() + 1;
            blade.netns().ip(&format!(
                "route replace default via 10.3.0.{selector}\n\
                 route replace default via fd00:3::{selector}\n"
            ))?;
        }
        Ok(())
    }
}

/// Keeps curl from the ports that tests choose, which begin at 1024.
fn prepare(hosts: &[Arc<Host>]) -> Result<()> {
    for blade in named(hosts, "blade-*") {
        let netns = blade.netns();
        netns.sysctl("ipv4/ip_unprivileged_port_start", "0")?;
        netns.sysctl("ipv4/ip_local_port_range", "600 1023")?;
    }
    Ok(())
}

/// The server's address, and the port of the service.
fn service(family: Family, transport: Transport) -> SocketAddr {
    let address: IpAddr = match family {
        Family::Ipv4 => [203, 0, 113, 80].into(),
        Family::Ipv6 => [0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 0x80].into(),
    };
    SocketAddr::new(address, transport.service())
}
