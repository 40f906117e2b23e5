// SPDX-License-Identifier: GPL-2.0-only

//! Tunnels of the kernel's own devices: a router that looks into their packets marks them as the end
//! of the tunnel marks the packets that come out.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{ensure, Context, Result};
use nix::net::if_::if_nametoindex;
use testbed::command::run_with;
use testbed::family::Family;
use testbed::module;
use testbed::netns::Netns;
use testbed::side::Side;
use testbed::trial::served;

use super::gtp::{self, User};
use super::network::{self, Flow, Network, Way};
use crate::backend::Backend;
use crate::experiment::LEFT_ALONE;
use crate::nflog::{Logged, Nflog, GROUP};

/// A kind of tunnel between client and server.
struct Tunnel {
    /// The device, for `ip link add`, without its ends.
    device: &'static str,
    /// The families of the packets inside.
    inside: &'static [Family],
    /// VLAN tags of the frames inside, from the outer one on.
    tags: &'static [&'static str],
}

const BOTH: &[Family] = &Family::ALL;
const TAG: &str = "802.1Q";
const SERVICE_TAG: &str = "802.1ad";

const fn tunnel(device: &'static str, inside: &'static [Family]) -> Tunnel {
    let tags = &[];
    Tunnel {
        device,
        inside,
        tags,
    }
}

const fn tagged(device: &'static str, tags: &'static [&'static str]) -> Tunnel {
    Tunnel {
        tags,
        ..tunnel(device, BOTH)
    }
}

const IN_IPV4: [Tunnel; 9] = [
    tunnel("vxlan id 42 dstport 4789", BOTH),
    tagged("vxlan id 42 dstport 4789", &[TAG]),
    tagged("vxlan id 42 dstport 4789", &[SERVICE_TAG, TAG]),
    tunnel("geneve id 42", BOTH),
    tunnel("gre", BOTH),
    tunnel("gre key 7 csum seq", BOTH),
    tunnel("gretap key 7", BOTH),
    tunnel("ipip", &[Family::Ipv4]),
    tunnel("sit", &[Family::Ipv6]),
];

const IN_IPV6: [Tunnel; 7] = [
    tunnel("vxlan id 42 dstport 4789", BOTH),
    tagged("vxlan id 42 dstport 4789", &[SERVICE_TAG, TAG]),
    tunnel("geneve id 42", BOTH),
    tunnel("ip6gre key 7 csum seq", BOTH),
    tunnel("ip6gretap", BOTH),
    // The first has a destination option, the limit of encapsulations.
    tunnel("ip6tnl mode any", BOTH),
    tunnel("ip6tnl mode any encaplimit none", BOTH),
];

/// What the rules hash, with a seed and with a key.
const WHAT: [(&str, &str); 2] = [
    ("seed", "--hmark-rnd 1"),
    ("key", "--hmark-key 000102030405060708090a0b0c0d0e0f"),
];

/// The client's ports: a flow from each.
const PORTS: [u16; 4] = [5001, 5002, 5003, 5004];
const SERVER_PORT: u16 = 7;

/// A packet in a tunnel, of either direction, has the mark that it has outside of it.
pub fn as_outside(outer: Family) -> Result<()> {
    Side::Ours.load_module()?;
    let network = Network::build(outer, Way::Routed)?;
    network.send_from_ends()?;
    let tunnels: &[Tunnel] = match outer {
        Family::Ipv4 => &IN_IPV4,
        Family::Ipv6 => &IN_IPV6,
    };
    let options = |what, inner| {
        format!(
            "--hmark-tuple src,dst,sport,dport,proto --hmark-mod 4294967295 {what}{}",
            if inner {
                " --hmark-inner vxlan,geneve,gre,ipip"
            } else {
                ""
            },
        )
    };
    for (family, netns, chains, inner) in [
        (outer, &network.router, &["PREROUTING"][..], true),
        (Family::Ipv4, &network.server, &["INPUT", "OUTPUT"], false),
        (Family::Ipv6, &network.server, &["INPUT", "OUTPUT"], false),
    ] {
        if !is_served(family) {
            continue;
        }
        let mut rules = String::new();
        for (name, what) in WHAT {
            for chain in chains {
                write!(rules, "{}", rule(chain, "", &options(what, inner), name))?;
            }
        }
        restore(netns, family, &rules)?;
    }
    for tunnel in tunnels {
        for &inner in tunnel.inside.iter().filter(|&&inner| is_served(inner)) {
            tunnel.check(&network, inner).with_context(|| {
                format!("{inner} in {} {:?} in {outer}", tunnel.device, tunnel.tags)
            })?;
        }
    }
    empty(&network)
}

impl Tunnel {
    fn check(&self, network: &Network, inner: Family) -> Result<()> {
        let [of_client, of_server] = match inner {
            Family::Ipv4 => ["172.16.0.1", "172.16.0.2"],
            Family::Ipv6 => ["fd02::1", "fd02::2"],
        };
        let outer = [
            network::client(network.family),
            network::server(network.family),
        ];
        self.add(&network.client, outer, of_client, inner)?;
        self.add(&network.server, [outer[1], outer[0]], of_server, inner)?;

        let mut outside = network.server.enter(Nflog::open)?;
        let mut inside = network.router.enter(Nflog::open)?;
        let server: SocketAddr = SocketAddr::new(of_server.parse()?, SERVER_PORT);
        for port in PORTS {
            let client = SocketAddr::new(of_client.parse()?, port);
            let flow = Flow::between(
                network::udp(&network.client, client, server)?,
                network::udp(&network.server, server, client)?,
            );
            flow.exchange(message(port).as_bytes())?;
        }
        let (outside, inside) = (
            marks(&mut outside, |packet| has_end(packet, server.ip()))?,
            marks(&mut inside, |_| true)?,
        );
        for name in [&network.client, &network.server] {
            name.ip("link del tunnel0\n")?;
        }
        ensure!(
            inside == outside,
            "{inside:x?} inside, {outside:x?} outside"
        );
        let marks: BTreeSet<_> = inside.iter().map(|(_, _, mark)| mark).collect();
        let flows = PORTS.len() * WHAT.len();
        ensure!(
            inside.len() == flows && marks.len() == flows,
            "not one mark for each flow and rule: {inside:x?}"
        );
        Ok(())
    }

    /// Adds one end of the tunnel, with an address inside.
    fn add(
        &self,
        netns: &Netns,
        [local, remote]: [IpAddr; 2],
        address: &str,
        inner: Family,
    ) -> Result<()> {
        let bits = inner.address_bits() - 8;
        // GENEVE chooses its address by the route.
        let local = match self.device.starts_with("geneve") {
            true => String::new(),
            false => format!("local {local}"),
        };
        let mut batch = format!(
            "link add tunnel0 type {} {local} remote {remote}\nlink set tunnel0 up\n",
            self.device
        );
        let mut device = "tunnel0".to_owned();
        for (number, tag) in self.tags.iter().enumerate() {
            let tagged = format!("tagged{number}");
            write!(
                batch,
                "link add link {device} name {tagged} type vlan proto {tag} id {}\n\
                 link set {tagged} up\n",
                number + 7
            )?;
            device = tagged;
        }
        let nodad = match inner {
            Family::Ipv4 => "",
            Family::Ipv6 => "nodad",
        };
        writeln!(batch, "address add {address}/{bits} dev {device} {nodad}")?;
        netns.ip(&batch)
    }
}

/// Addresses of users, of whom each has one tunnel to the server.
const USERS: [Ipv4Addr; 3] = [
    Ipv4Addr::new(10, 99, 0, 1),
    Ipv4Addr::new(10, 99, 0, 2),
    Ipv4Addr::new(10, 99, 0, 3),
];

/// A server in the network behind the tunnels' end.
const BEHIND: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 1);

/// All packets of a user of GTP-U have one mark by rules that hash the user's address: in the tunnel
/// (the interface N3 of 3GPP), upwards and downwards, and outside (N6).
pub fn users_of_gtp() -> Result<()> {
    Side::Ours.load_module()?;
    let network = Network::build(Family::Ipv4, Way::Routed)?;
    network.send_from_ends()?;
    let (client, server) = (network::client(Family::Ipv4), network::server(Family::Ipv4));
    let by = |end, inner| format!("--hmark-tuple {end} --hmark-mod 4294967295{inner}");
    let inner = " --hmark-inner gtpu";
    let of_router = rule(
        "PREROUTING",
        &format!("-s {client}"),
        &by("src", inner),
        "up",
    ) + &rule(
        "PREROUTING",
        &format!("-d {client}"),
        &by("dst", inner),
        "down",
    );
    restore(&network.router, Family::Ipv4, &of_router)?;
    let of_server = rule("INPUT", "-i gtp0", &by("src", ""), "up")
        + &rule("OUTPUT", "-o gtp0", &by("dst", ""), "down");
    restore(&network.server, Family::Ipv4, &of_server)?;

    network.client.ip(&format!(
        "link add gtp0 type gtp role sgsn\nlink set gtp0 up\nroute add {BEHIND} dev gtp0\n"
    ))?;
    network.server.ip(&format!(
        "link add gtp0 type gtp role ggsn\nlink set gtp0 up\naddress add {BEHIND} dev lo\n"
    ))?;
    for (netns, peer, upwards) in [
        (&network.client, server, true),
        (&network.server, client, false),
    ] {
        netns.enter(|| {
            let device = if_nametoindex("gtp0")?;
            for (number, address) in (1..).zip(USERS) {
                let [up, down] = [0x100 + number, 0x200 + number];
                let (receives, sends) = if upwards { (down, up) } else { (up, down) };
                let user = User {
                    address,
                    peer,
                    receives,
                    sends,
                };
                gtp::add(device, &user).with_context(|| format!("{address}"))?;
            }
            Ok(())
        })?;
    }
    for address in USERS {
        network
            .client
            .ip(&format!("address add {address} dev lo\n"))?;
        network
            .server
            .ip(&format!("route add {address} dev gtp0\n"))?;
    }

    let mut outside = network.server.enter(Nflog::open)?;
    let mut inside = network.router.enter(Nflog::open)?;
    let server = SocketAddr::new(BEHIND.into(), SERVER_PORT);
    for (address, port) in USERS.into_iter().zip(PORTS) {
        let client = SocketAddr::new(address.into(), port);
        let flow = Flow::between(
            network::udp(&network.client, client, server)?,
            network::udp(&network.server, server, client)?,
        );
        flow.exchange(message(port).as_bytes())?;
    }
    let wanted = USERS.len() * 2;
    let (outside, inside) = (
        collect(&mut outside, wanted, |_| true)?,
        collect(&mut inside, wanted, |_| true)?,
    );
    let marks: BTreeSet<_> = outside
        .iter()
        .chain(&inside)
        .map(|(port, _, mark)| (port, mark))
        .collect();
    ensure!(
        marks.len() == USERS.len() && inside.len() == wanted && outside.len() == wanted,
        "{inside:x?} inside, {outside:x?} outside"
    );
    empty(&network)
}

/// The bytes by which a flow's packets are known.
fn message(port: u16) -> String {
    format!("the flow from port {port} in a tunnel")
}

/// Lines that mark and log what matches.
fn rule(chain: &str, matches: &str, options: &str, name: &str) -> String {
    format!(
        "-A {chain} {matches} -j MARK --set-mark {LEFT_ALONE:#x}\n\
         -A {chain} {matches} -j HMARK {options}\n\
         -A {chain} {matches} -j NFLOG --nflog-group {GROUP} --nflog-prefix {name}\n"
    )
}

fn is_served(family: Family) -> bool {
    served().any(|one| one == family)
}

fn restore(netns: &Netns, family: Family, rules: &str) -> Result<()> {
    let restore = Backend::Legacy.program(family, "-restore");
    let table = format!("*mangle\n{rules}COMMIT\n");
    netns.enter(|| run_with(&restore, &table, Side::Ours.variables()))?;
    Ok(())
}

/// Empties the tables, so that the module can be unloaded even if a namespace lingers.
fn empty(network: &Network) -> Result<()> {
    for netns in [&network.router, &network.server] {
        for family in served() {
            restore(netns, family, "")?;
        }
    }
    module::unload()
}

/// Whether a packet comes from or goes to this end.
fn has_end(packet: &[u8], end: IpAddr) -> bool {
    super::seen::Seen::read(packet).is_ok_and(|seen| [seen.src, seen.dst].contains(&end))
}

/// Client port, rule and mark of a packet.
type Marked = (u16, String, u32);

/// The different marks of the flows' packets, once all packets are logged.
fn marks(nflog: &mut Nflog, which: impl Fn(&[u8]) -> bool) -> Result<BTreeSet<Marked>> {
    let packets = collect(nflog, PORTS.len() * WHAT.len() * 2, which)?;
    Ok(packets.into_iter().collect())
}

/// The marks of this many packets of the flows.
fn collect(nflog: &mut Nflog, wanted: usize, which: impl Fn(&[u8]) -> bool) -> Result<Vec<Marked>> {
    let mut marked = Vec::new();
    while marked.len() < wanted {
        let mut logged = Vec::new();
        nflog.receive(&mut logged)?;
        for Logged { rule, packet, mark } in logged {
            let is_of = |port: &u16| {
                let message = message(*port);
                packet
                    .windows(message.len())
                    .any(|bytes| bytes == message.as_bytes())
            };
            if let Some(port) = PORTS.into_iter().find(is_of).filter(|_| which(&packet)) {
                marked.push((port, rule, mark));
            }
        }
    }
    Ok(marked)
}
