// SPDX-License-Identifier: GPL-2.0-only

//! The hosts and cables of the tutorial, set up by its commands, with a running server.

use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;

use anyhow::{anyhow, Context, Result};
use testbed::family::Family;
use testbed::{install, kernel, module};

use super::attempts::{self, Attempt};
use crate::cables::Switches;
use crate::capture::Capture;
use crate::clients::{self, Connection};
use crate::echo;
use crate::flow::{Flow, Transport};
use crate::host::Host;
use crate::rule::Marking;
use crate::size::Size;
use crate::tutorial::Tutorial;

pub const TUTORIAL: &str = "docs/gateways.md";

/// The sections that set the cluster up, in the order of the text.
const SET_UP: [&str; 6] = [
    "Blades",
    "Selectors",
    "Gateways",
    "The border",
    "Pings by IPv6",
    "Outside",
];

/// The networks, whose names their interfaces have too.
const BLADES: &str = "blades";
const INNER: &str = "inner";
const OUTER: &str = "outer";
const INTERNET: &str = "internet";

/// The interfaces to capture on gateways: for packets that leave, and for packets that come back.
const HEARD: [&str; 2] = [INNER, OUTER];

pub const SELECTORS: usize = 2;
pub const GATEWAYS: usize = 3;

/// Maximum number of flows in a test: three gateways need no more, and connection tracking keeps
/// the flows of all tests.
const MOST: usize = 400;

/// The mark of gateway-a: `--hmark-offs`.
const FIRST_MARK: u32 = 101;

/// Makes `iptables` the legacy variant, which does not use nftables.
const LEGACY: &str = "mount --bind /usr/sbin/xtables-legacy-multi /usr/sbin/xtables-nft-multi";

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

/// The cluster, a server outside, and a capture of the packets that gateways and server receive.
pub struct Site {
    /// Number of flows of each family and transport, the same from each blade.
    pub flows: usize,
    pub blades: Vec<Host>,
    pub selectors: Vec<Host>,
    pub gateways: Vec<Host>,
    pub border: Host,
    pub server: Host,
    pub tutorial: Tutorial,
    pub capture: Capture,
    pub outside: Capture,
    /// The hardware addresses of the selectors on the gateways' side.
    pub senders: Vec<[u8; 6]>,
    /// The cables exist as long as the switches do.
    _switches: Switches,
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
        let start = |name: &str| Host::start("nat", name);
        let named = |names: &[&str]| names.iter().copied().map(start).collect::<Result<Vec<_>>>();
        let blades = named(&["blade-1", "blade-2", "blade-3"])?;
        let selectors = named(&["selector-a", "selector-b"])?;
        let gateways = named(&["gateway-a", "gateway-b", "gateway-c"])?;
        for blade in &blades {
            // curl must not take ports that tests choose, which begin at 1024.
            let netns = blade.netns();
            netns.sysctl("ipv4/ip_unprivileged_port_start", "0")?;
            netns.sysctl("ipv4/ip_local_port_range", "600 1023")?;
        }
        let (border, server) = (start("border")?, start("server")?);

        if kernel::is_uml() {
            // The kernel has no nftables chain for NAT, so iptables must work without one.
            border.run(LEGACY)?;
        }

        let switches = Switches::install("nat", &[BLADES, INNER, OUTER, INTERNET])?;
        let plug = |hosts: &[&[Host]], network| {
            let mut hosts = hosts.iter().copied().flatten();
            hosts.try_for_each(|host| switches.plug(host, network))
        };
        plug(&[&blades, &selectors], BLADES)?;
        plug(&[&selectors, &gateways], INNER)?;
        plug(&[&gateways, std::slice::from_ref(&border)], OUTER)?;
        switches.plug(&border, INTERNET)?;
        switches.plug(&server, INTERNET)?;

        let tutorial = Tutorial::read(TUTORIAL, SETTINGS)?;
        for section in SET_UP {
            tutorial.play(
                section,
                hosts(&blades, &selectors, &gateways, &border, &server),
            )?;
        }
        module::check_ours().context("no rule brought our module in")?;
        for host in gateways.iter().chain([&border]) {
            for timeout in TRACKED {
                let file = format!("netfilter/nf_conntrack_{timeout}");
                host.netns().sysctl(&file, "86400")?;
            }
        }

        let marking = Marking::of(&tutorial, &border, &selectors[0], FIRST_MARK, GATEWAYS)?;
        for family in Family::ALL {
            echo::serve(&server, service(family, Transport::Udp))?;
        }
        let senders = selectors.iter().map(|selector| selector.mac(INNER));
        Ok(Self {
            flows: Size::wanted()?.flows.min(MOST),
            senders: senders.collect::<Result<_>>()?,
            capture: Capture::start(&gateways, &HEARD)?,
            outside: Capture::start([&server], &[INTERNET])?,
            blades,
            selectors,
            gateways,
            border,
            server,
            _switches: switches,
            tutorial,
            marking,
        })
    }

    /// All hosts.
    pub fn hosts(&self) -> impl Iterator<Item = &Host> + Clone {
        hosts(
            &self.blades,
            &self.selectors,
            &self.gateways,
            &self.border,
            &self.server,
        )
    }

    /// Plays a section of the tutorial.
    ///
    /// # Errors
    /// If it does not work as the text says.
    pub fn play(&self, section: &str) -> Result<()> {
        self.tutorial.play(section, self.hosts())
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

    fn by_blade<'f>(&self, flows: &'f [Flow]) -> impl Iterator<Item = (&Host, &'f [Flow])> {
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
            let selector = (number + by) % SELECTORS + 1;
            blade.netns().ip(&format!(
                "route replace default via 10.3.0.{selector}\n\
                 route replace default via fd00:3::{selector}\n"
            ))?;
        }
        Ok(())
    }
}

fn hosts<'h>(
    blades: &'h [Host],
    selectors: &'h [Host],
    gateways: &'h [Host],
    border: &'h Host,
    server: &'h Host,
) -> impl Iterator<Item = &'h Host> + Clone {
    let cluster = blades.iter().chain(selectors).chain(gateways);
    cluster.chain([border, server])
}

/// The server's address, and the port of the service.
fn service(family: Family, transport: Transport) -> SocketAddr {
    let address: IpAddr = match family {
        Family::Ipv4 => [203, 0, 113, 80].into(),
        Family::Ipv6 => [0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 0x80].into(),
    };
    SocketAddr::new(address, transport.service())
}
