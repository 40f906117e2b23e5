// SPDX-License-Identifier: GPL-2.0-only

//! ICMP errors sent by the kernels of routers on the way. A "packet too big" error reaches the
//! gateway of its connection from either side, and through it the host that must send smaller
//! packets.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::note;
use testbed::patience::wait;
use testbed::trial::families;
use testbed::trials;

use super::site::{site, Site, FRONT};
use crate::account;
use crate::clients;
use crate::flow::{Flow, Kind, Transport};
use crate::host::Host;

/// Maximum number of flows in a test, each from its own address, because the MTU of a path is
/// stored by address.
const FLOWS: u8 = 16;

/// The MTU of a narrow path, and the bytes that questions have in addition to their text, so that
/// they do not fit.
const MTU: u32 = 1300;
const PADDING: usize = 1300;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![families(from_clients, from_servers)]
}

/// Clients are behind a narrow path: the router in front tells the cluster's address that an answer
/// was too big. The server learns of it, and sends its next answer in fragments.
fn from_clients(family: Family) -> Result<()> {
    let site = site()?;
    let far = Host::start("ipvs", "far")?;
    site.cluster.switches.plug(&far, FRONT)?;
    let (near, own, prefix, ip) = match family {
        Family::Ipv4 => ("192.0.2.254", "192.0.2.99/24", "10.64.9.0/24", "ip"),
        Family::Ipv6 => (
            "2001:db8:f::254",
            "2001:db8:f::99/64",
            "fd00:64:9::/64",
            "ip -6",
        ),
    };
    let mut batch = format!("link set front up\naddress add {own} dev front\n");
    for number in 0..count(site) {
        writeln!(batch, "address add {} dev lo", far_address(family, number))?;
    }
    writeln!(batch, "route add default via {near}")?;
    far.netns().ip(&batch)?;
    let own = own.split_once('/').context("no prefix")?.0;
    let narrow = format!("{prefix} via {own} dev front mtu lock {MTU}");
    site.client.run(&format!("{ip} route add {narrow}"))?;

    let server = site.address(family, Transport::Udp);
    let flow = |number| Flow {
        transport: Transport::Udp,
        source: SocketAddr::new(far_address(family, number), 40_000 + u16::from(number)),
        destination: server,
    };
    let flows: Vec<_> = (0..count(site)).map(flow).collect();
    site.cluster.capture.take()?;
    let mut connections = clients::open(&far, &flows)?;
    for connection in &mut connections {
        connection.padding = PADDING;
        connection.ask()?;
    }
    wait("servers did not learn of the MTU", || {
        servers_know(site, &flows, ip)
    })?;
    for connection in &mut connections {
        ensure!(
            !connection.is_answered()?,
            "{}: the first answer was not too big",
            connection.flow
        );
    }
    clients::ask(&mut connections).context("after the error")?;
    site.client.run(&format!("{ip} route del {narrow}"))?;
    let errors = check(site, &flows, |seen| &seen.forth)?;
    note!(
        "{family}: {errors} ICMP errors about answers to {} flows, all at the gateways of their \
         flows; all servers sent smaller packets then; misdelivered: 0",
        flows.len()
    );
    Ok(())
}

/// Whether for each flow there is a server that knows the MTU of the path to its client.
fn servers_know(site: &Site, flows: &[Flow], ip: &str) -> Result<bool> {
    let mut questions = String::new();
    for flow in flows {
        let (to, from) = (flow.source.ip(), flow.destination.ip());
        writeln!(questions, "route get {to} from {from}")?;
    }
    let mut known = vec![false; flows.len()];
    for server in &site.servers {
        let routes = server.run(&format!("{ip} -o -batch - <<END\n{questions}END\n"))?;
        for (known, route) in known.iter_mut().zip(routes.lines()) {
            *known |= route.contains(&format!(" mtu {MTU}"));
        }
    }
    Ok(known.iter().all(|known| *known))
}

/// Servers are behind a narrow path: they forward the packets to it, and tell clients, from their
/// own addresses, that a question was too big.
fn from_servers(family: Family) -> Result<()> {
    let site = site()?;
    let address = site.address(family, Transport::Udp).ip();
    let (bits, ip, forwarding) = match family {
        Family::Ipv4 => (32, "ip", "ipv4.ip_forward"),
        Family::Ipv6 => (128, "ip -6", "ipv6.conf.all.forwarding"),
    };
    for server in &site.servers {
        server.run(&format!(
            "sysctl -q -w net.{forwarding}=1
             ip link add narrow type dummy
             ip link set narrow up
             ip address del {address}/{bits} dev lo
             {ip} route add {address} dev narrow mtu lock {MTU}"
        ))?;
    }
    let result = ask_too_much(site, family, ip);
    for server in &site.servers {
        server.run(&format!(
            "ip link del narrow
             ip address add {address}/{bits} dev lo
             sysctl -q -w net.{forwarding}=0"
        ))?;
    }
    let errors = result?;
    note!(
        "{family}: {errors} ICMP errors from servers about questions of {} flows, all at the \
         gateways of their flows; all clients learnt of the smaller MTU; misdelivered: 0",
        count(site)
    );
    Ok(())
}

fn ask_too_much(site: &Site, family: Family, ip: &str) -> Result<u64> {
    let flows = site.flows(family, Transport::Udp, count(site).into(), 0x6572_726f);
    let address = site.address(family, Transport::Udp).ip();
    site.cluster.capture.take()?;
    let mut connections = clients::open(&site.client, &flows)?;
    for connection in &mut connections {
        connection.padding = PADDING;
        forget(site)?;
        connection.ask()?;
        let flow = connection.flow;
        let route = format!("{ip} route get {address} from {}", flow.source.ip());
        wait(
            &format!("{flow}: the client did not learn of the MTU"),
            || {
                let route = site.client.run(&route)?;
                Ok(route.contains(&format!(" mtu {MTU}")))
            },
        )?;
        ensure!(
            !connection.is_answered()?,
            "{flow}: the question was not too big"
        );
    }
    forget(site)?;
    check(site, &flows, |seen| &seen.back)
}

/// Makes the client forget the MTU of all paths: the first command is for IPv4, the second sets new
/// IPv6 routes.
fn forget(site: &Site) -> Result<()> {
    site.client.run("ip route flush cache")?;
    site.route_from(0)
}

/// Checks that only its gateway saw errors about each flow, on this side of the gateway.
fn check(
    site: &Site,
    flows: &[Flow],
    side: impl Fn(&account::Seen) -> &BTreeSet<usize>,
) -> Result<u64> {
    let sightings = site.cluster.capture.take()?;
    let seen = account::seen(&site.cluster, flows, &sightings, |kind| kind == Kind::Error);
    let mut errors = 0;
    for (flow, seen) in flows.iter().zip(&seen) {
        let home = BTreeSet::from([site.cluster.marking.home(flow)?]);
        let all = &seen.forth | &seen.back;
        ensure!(
            *side(seen) == home && all == home,
            "{flow}: of {home:?}, errors were seen by {seen}"
        );
        errors += seen.packets;
    }
    Ok(errors)
}

/// The number of flows in a test: they are sent one by one.
fn count(site: &Site) -> u8 {
    u8::try_from(site.size.flows / 5)
        .unwrap_or(FLOWS)
        .min(FLOWS)
}

fn far_address(family: Family, number: u8) -> IpAddr {
    match family {
        Family::Ipv4 => [10, 64, 9, number + 1].into(),
        Family::Ipv6 => [0xfd00, 0x64, 9, 0, 0, 0, 0, u16::from(number) + 1].into(),
    }
}
