// SPDX-License-Identifier: GPL-2.0-only

//! The namespaces and their links (client - router - far router - server), and sockets at the ends.
//! The router may be a bridge.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};

use anyhow::{ensure, Context, Result};
use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use testbed::family::Family;
use testbed::kernel;
use testbed::netns::Netns;
use testbed::patience::PATIENCE;

/// MTU of a link that is too narrow for some datagrams; IPv6 allows no less than 1280.
const NARROW: u32 = 1300;

/// The namespaces; removed on drop.
pub struct Network {
    pub family: Family,
    pub client: Netns,
    /// The namespace with the HMARK rules.
    pub router: Netns,
    pub far: Netns,
    pub server: Netns,
}

/// What the namespace with the rules does with packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It routes them.
    Routed,
    /// It bridges them, and its bridge hands them to iptables.
    Bridged,
}

/// The client's address.
pub fn client(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => [10, 1, 0, 1].into(),
        Family::Ipv6 => [0xfd00, 0, 0, 1, 0, 0, 0, 1].into(),
    }
}

/// The server's address.
pub fn server(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => [192, 0, 2, 1].into(),
        Family::Ipv6 => [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(),
    }
}

/// An address that nobody has. The router translates it to the server's.
pub fn service(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => [198, 51, 100, 1].into(),
        Family::Ipv6 => [0x2001, 0xdb8, 5, 0, 0, 0, 0, 1].into(),
    }
}

/// An address that the router translates the client's to.
pub fn masquerade(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => [203, 0, 113, 1].into(),
        Family::Ipv6 => [0x2001, 0xdb8, 6, 0, 0, 0, 0, 1].into(),
    }
}

/// The address of an end of a link.
fn on_link(family: Family, link: u8, end: u8) -> String {
    match family {
        Family::Ipv4 => format!("10.0.{link}.{end}"),
        Family::Ipv6 => format!("fd00:0:0:a{link}::{end}"),
    }
}

impl Network {
    /// Makes namespaces, links, addresses and routes of one family; no rules yet.
    pub fn build(family: Family, way: Way) -> Result<Self> {
        let network = Self {
            family,
            client: namespace("stacks-client", family)?,
            router: namespace("stacks-router", family)?,
            far: namespace("stacks-far", family)?,
            server: namespace("stacks-server", family)?,
        };
        let (client, server) = (client(family), server(family));
        // Link 0 is the client's, link 1 is between the routers, and link 2 is the server's. End 1
        // is the left one.
        let address = |link, end| on_link(family, link, end);
        let up = |name, link, end| {
            let bits = family.address_bits() - 4;
            let address = address(link, end);
            format!("address add {address}/{bits} dev {name}\nlink set {name} up\n")
        };
        let route = |to: &str, link, end| format!("route add {to} via {}\n", address(link, end));
        // The addresses of the flows' ends are on the loopback device, as on a router.
        network.client.ip(&format!(
            "link add up0 type veth peer name down0 netns {}\n\
             address add {client} dev lo\n{}{}",
            network.router.name(),
            up("up0", 0, 1),
            route("default", 0, 2)
        ))?;
        network.router.ip(&format!(
            "link add up0 type veth peer name down0 netns {}\n",
            network.far.name()
        ))?;
        let [address_of_far, way_back] = match way {
            Way::Routed => {
                network.router.ip(&format!(
                    "{}{}{}{}",
                    up("down0", 0, 2),
                    up("up0", 1, 1),
                    route(&client.to_string(), 0, 1),
                    route("default", 1, 2)
                ))?;
                [up("down0", 1, 2), route("default", 1, 1)]
            }
            Way::Bridged => {
                network.bridge()?;
                [up("down0", 0, 2), route("default", 0, 1)]
            }
        };
        network.far.ip(&format!(
            "link add up0 type veth peer name down0 netns {}\n{address_of_far}{}{way_back}{}",
            network.server.name(),
            up("up0", 2, 1),
            route(&server.to_string(), 2, 2)
        ))?;
        network.server.ip(&format!(
            "address add {server} dev lo\n{}{}",
            up("down0", 2, 2),
            route("default", 2, 1)
        ))?;
        Ok(network)
    }

    /// Has the client and the server send from the addresses of the flows' ends, where a socket or a
    /// tunnel has none of its own.
    pub fn send_from_ends(&self) -> Result<()> {
        for (netns, end, link, router) in [
            (&self.client, client(self.family), 0, 2),
            (&self.server, server(self.family), 2, 1),
        ] {
            let router = on_link(self.family, link, router);
            netns.ip(&format!("route replace default via {router} src {end}\n"))?;
        }
        Ok(())
    }

    /// Joins the router's links by a bridge that hands packets to iptables.
    fn bridge(&self) -> Result<()> {
        kernel::load_br_netfilter()?;
        self.router.ip("link add br0 type bridge\n\
             link set br0 up\n\
             link set down0 master br0 up\n\
             link set up0 master br0 up\n")?;
        for iptables in ["iptables", "ip6tables"] {
            self.router
                .sysctl(&format!("bridge/bridge-nf-call-{iptables}"), "1")?;
        }
        Ok(())
    }

    /// A socket that gets a copy of every packet in the router, from now on. The kernel makes them
    /// clones, whose bytes the packets share.
    pub fn watch_router(&self) -> Result<Socket> {
        const ALL: u16 = 3;
        let protocol = Protocol::from(i32::from(ALL.to_be()));
        self.router
            .enter(|| Ok(Socket::new(Domain::PACKET, Type::RAW, Some(protocol))?))
    }

    /// Reduces the MTU of the server's link below that of the others.
    pub fn narrow(&self) -> Result<()> {
        self.far.ip(&format!("link set up0 mtu {NARROW}"))?;
        self.server.ip(&format!("link set down0 mtu {NARROW}"))
    }

    /// The client's address with a port.
    pub fn at_client(&self, port: u16) -> SocketAddr {
        SocketAddr::new(client(self.family), port)
    }

    /// The server's address with a port.
    pub fn at_server(&self, port: u16) -> SocketAddr {
        SocketAddr::new(server(self.family), port)
    }

    /// A UDP flow from client to server, open at both ends.
    pub fn udp(&self, sport: u16, dport: u16) -> Result<Flow> {
        let (client, server) = (self.at_client(sport), self.at_server(dport));
        Ok(Flow {
            client: udp(&self.client, client, server)?,
            server: udp(&self.server, server, client)?,
        })
    }

    /// A connection of a stream protocol from `from` to `to`, which the server accepts at `server`.
    pub fn stream(
        &self,
        protocol: Protocol,
        sport: u16,
        to: SocketAddr,
        server: SocketAddr,
    ) -> Result<Flow> {
        let listener = socket(&self.server, server, Type::STREAM, protocol)?;
        listener.listen(1)?;
        let client = socket(&self.client, self.at_client(sport), Type::STREAM, protocol)?;
        client
            .connect_timeout(&to.into(), PATIENCE)
            .with_context(|| format!("cannot connect to {to}"))?;
        let (server, _) = listener.accept()?;
        server.set_read_timeout(Some(PATIENCE))?;
        Ok(Flow { client, server })
    }
}

/// A UDP socket in a namespace, connected to `to`.
pub fn udp(netns: &Netns, from: SocketAddr, to: SocketAddr) -> Result<Socket> {
    let socket = socket(netns, from, Type::DGRAM, Protocol::UDP)?;
    socket.connect(&to.into())?;
    Ok(socket)
}

/// A socket in a namespace, where it stays whichever thread uses it.
pub fn socket(
    netns: &Netns,
    address: SocketAddr,
    kind: Type,
    protocol: Protocol,
) -> Result<Socket> {
    netns.enter(|| {
        let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
        socket.bind(&address.into())?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(socket)
    })
}

/// A flow that is open at both ends.
pub struct Flow {
    client: Socket,
    server: Socket,
}

impl Flow {
    /// The flow between two sockets.
    pub fn between(client: Socket, server: Socket) -> Self {
        Self { client, server }
    }

    /// Sends `length` bytes to the server and back.
    pub fn echo(&self, length: usize) -> Result<()> {
        let message: Vec<u8> = (0..length).map(|at| at as u8).collect();
        self.exchange(&message)
    }

    /// Sends a message to the server and back.
    pub fn exchange(&self, message: &[u8]) -> Result<()> {
        for (from, to) in [(&self.client, &self.server), (&self.server, &self.client)] {
            send(from, message)?;
            let mut arrived = vec![0; message.len()];
            let mut to = to;
            to.read_exact(&mut arrived).context("nothing arrives")?;
            ensure!(arrived == message, "the message arrives changed");
        }
        Ok(())
    }

    /// The client's end.
    pub fn client(&self) -> &Socket {
        &self.client
    }
}

/// Sends all of a message.
pub fn send(mut socket: &Socket, message: &[u8]) -> Result<()> {
    socket.write_all(message).context("cannot send")
}

/// Waits for the error that an ICMP message reports to a socket.
pub fn expect_error(mut socket: &Socket, error: Errno) -> Result<()> {
    let result = socket.read(&mut [0; 64]);
    let reported = result.as_ref().err().and_then(std::io::Error::raw_os_error);
    ensure!(
        reported == Some(error as i32),
        "the socket has {result:?} instead of {error}"
    );
    Ok(())
}

/// The times in seconds after which conntrack forgets a connection without packets: an emulated machine may take
/// longer from one packet to the next.
const TRACKED: [&str; 5] = [
    "udp_timeout",
    "udp_timeout_stream",
    "icmp_timeout",
    "icmpv6_timeout",
    "generic_timeout",
];

fn namespace(name: &str, family: Family) -> Result<Netns> {
    let netns = Netns::add(name)?;
    for timeout in TRACKED {
        // They exist once conntrack does.
        let _ = netns.sysctl(&format!("netfilter/nf_conntrack_{timeout}"), "3600");
    }
    match family {
        Family::Ipv4 => {
            netns.sysctl("ipv4/conf/all/rp_filter", "0")?;
            netns.sysctl("ipv4/conf/default/rp_filter", "0")?;
            netns.sysctl("ipv4/ip_forward", "1")?;
            netns.sysctl("ipv4/icmp_ratelimit", "0")?;
        }
        Family::Ipv6 => {
            netns.sysctl("ipv6/conf/all/forwarding", "1")?;
            // Nobody else has these addresses: without duplicate detection they are usable at once.
            netns.sysctl("ipv6/conf/default/accept_dad", "0")?;
            netns.sysctl("ipv6/conf/all/accept_dad", "0")?;
            netns.sysctl("ipv6/icmp/ratelimit", "0")?;
        }
    }
    Ok(netns)
}
