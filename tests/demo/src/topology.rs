// SPDX-License-Identifier: GPL-2.0-only

//! The namespaces, their links and routes: clients - selector - four gateways - server.
//!
//! The selector and the server can reach the other side only through `ip rule fwmark`, which
//! picks a gateway by the mark: 100 is gw0, 101 is gw1, and so on.

use std::fmt::Write;
use std::net::IpAddr;

use anyhow::Result;
use testbed::family::{Commands, Family};
use testbed::netns::Netns;

/// Number of gateways: `--hmark-mod`.
pub const GATEWAYS: u32 = 4;
/// The mark of the first gateway: `--hmark-offs`.
pub const FIRST_MARK: u32 = 100;
/// Number of client addresses of each family.
pub const CLIENTS: u16 = 50;

/// The namespaces; removed on drop.
pub struct Topology {
    pub clients: Netns,
    pub selector: Netns,
    pub gateways: Vec<Netns>,
    pub server: Netns,
}

/// The selector's rule, which is the purpose of the whole project.
pub fn command(family: Family) -> String {
    format!(
        "{} -t mangle -I PREROUTING -d {} -j HMARK --hmark-mod 4 --hmark-offs 100",
        family.iptables(),
        server(family)
    )
}

/// The same selection for the way back, in the server, which shares no state with the selector.
pub fn server_command(family: Family) -> String {
    format!(
        "{} -t mangle -I OUTPUT -s {} -j HMARK --hmark-mod 4 --hmark-offs 100",
        family.iptables(),
        server(family)
    )
}

/// The server's address.
pub fn server(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => [192, 0, 2, 1].into(),
        Family::Ipv6 => [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(),
    }
}

/// The address of one of the [`CLIENTS`].
pub fn client(family: Family, client: u16) -> IpAddr {
    match family {
        Family::Ipv4 => [10, 1, (client >> 8) as u8, client as u8].into(),
        Family::Ipv6 => [0xfd00, 0, 0, 1, 0, 0, 0, client].into(),
    }
}

impl Topology {
    /// Makes namespaces, links, addresses and routes, but no HMARK rule yet.
    pub fn build() -> Result<Self> {
        let topology = Self {
            clients: namespace("clients")?,
            selector: namespace("selector")?,
            gateways: (0..GATEWAYS)
                .map(|gateway| namespace(&format!("gw{gateway}")))
                .collect::<Result<_>>()?,
            server: namespace("server")?,
        };
        topology.join_clients()?;
        for gateway in 0..GATEWAYS {
            topology.join_gateway(gateway)?;
        }
        Ok(topology)
    }

    fn join_clients(&self) -> Result<()> {
        let mut batch = String::from(
            "link add up0 type veth peer name down0 netns selector\n\
             link set up0 up\n\
             address add 10.0.0.2/30 dev up0\n\
             address add fd00:0:0:a::2/64 dev up0\n\
             route add default via 10.0.0.1\n\
             route add default via fd00:0:0:a::1\n",
        );
        for number in 0..CLIENTS {
            for family in Family::ALL {
                let address = client(family, number);
                writeln!(batch, "address add {address} dev lo")?;
            }
        }
        self.clients.ip(&batch)?;
        self.selector.ip("link set down0 up\n\
             address add 10.0.0.1/30 dev down0\n\
             address add fd00:0:0:a::1/64 dev down0\n\
             route add 10.1.0.0/16 via 10.0.0.2\n\
             route add fd00:0:0:1::/64 via fd00:0:0:a::2\n")?;
        for family in Family::ALL {
            self.server
                .ip(&format!("address add {} dev lo", server(family)))?;
        }
        Ok(())
    }

    /// Puts a gateway between selector and server, and routes its mark to it from both.
    fn join_gateway(&self, gateway: u32) -> Result<()> {
        let namespace = &self.gateways[gateway as usize];
        let name = namespace.name();
        namespace.ip(&format!(
            "link add down0 type veth peer name {name} netns selector\n\
             link add up0 type veth peer name {name} netns server\n\
             link set down0 up\n\
             link set up0 up\n\
             address add 10.2.{gateway}.2/30 dev down0\n\
             address add 10.3.{gateway}.2/30 dev up0\n\
             address add fd00:0:2:{gateway}::2/64 dev down0\n\
             address add fd00:0:3:{gateway}::2/64 dev up0\n\
             route add default via 10.2.{gateway}.1\n\
             route add default via fd00:0:2:{gateway}::1\n\
             route add {v4} via 10.3.{gateway}.1\n\
             route add {v6} via fd00:0:3:{gateway}::1\n",
            v4 = server(Family::Ipv4),
            v6 = server(Family::Ipv6),
        ))?;
        for (neighbour, side) in [(&self.selector, 2), (&self.server, 3)] {
            let mark = FIRST_MARK + gateway;
            neighbour.ip(&format!(
                "link set {name} up\n\
                 address add 10.{side}.{gateway}.1/30 dev {name}\n\
                 address add fd00:0:{side}:{gateway}::1/64 dev {name}\n\
                 rule add fwmark {mark} table {mark}\n\
                 route add default via 10.{side}.{gateway}.2 table {mark}\n\
                 route add default via fd00:0:{side}:{gateway}::2 table {mark}\n",
            ))?;
            neighbour.run(&format!("ip -6 rule add fwmark {mark} table {mark}"))?;
        }
        if gateway == 0 {
            // The server's sockets need a route before OUTPUT marks the packet and it is routed
            // again. If packets were not marked, gw0 would see all replies, which the account would
            // show.
            self.server.ip("route add default via 10.3.0.2\n\
                 route add default via fd00:0:3:0::2\n")?;
        }
        watch(namespace)
    }
}

/// Makes a gateway's conntrack table count the packets of each flow in both directions.
fn watch(gateway: &Netns) -> Result<()> {
    for family in Family::ALL {
        // Connections are tracked only in a namespace where a rule needs it.
        let iptables = family.iptables();
        gateway.run(&format!(
            "{iptables} -A FORWARD -m conntrack --ctstate NEW,ESTABLISHED"
        ))?;
    }
    gateway.sysctl("netfilter/nf_conntrack_acct", "1")?;
    // The account is read at the end, so no flow may time out before.
    gateway.sysctl("netfilter/nf_conntrack_udp_timeout", "3600")?;
    gateway.sysctl("netfilter/nf_conntrack_tcp_timeout_time_wait", "3600")
}

fn namespace(name: &str) -> Result<Netns> {
    let netns = Netns::add(name)?;
    for scope in ["all", "default"] {
        netns.sysctl(&format!("ipv4/conf/{scope}/rp_filter"), "0")?;
        netns.sysctl(&format!("ipv4/conf/{scope}/forwarding"), "1")?;
        netns.sysctl(&format!("ipv6/conf/{scope}/forwarding"), "1")?;
        // Nobody else has these addresses, so they are usable at once, without duplicate address
        // detection.
        netns.sysctl(&format!("ipv6/conf/{scope}/accept_dad"), "0")?;
    }
    Ok(netns)
}
