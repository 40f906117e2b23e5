// SPDX-License-Identifier: GPL-2.0-only

//! An SCTP association with a server that has two addresses takes one gateway, with the page's
//! tuple.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{ensure, Result};
use libtest_mimic::Trial;
use socket2::{Domain, Protocol, Socket, Type};
use testbed::note;
use testbed::patience::wait;
use testbed::trial::single;
use testbed::trials;

use super::site::{site, Site};
use crate::clients;
use crate::flow::{Flow, Transport};
use crate::host::one;
use crate::tutorial::Tutorial;

const PAGE: &str = "docs/choosing.md";
const SECTION: &str = "SCTP with several addresses";
const UNDO: &str = "Back to the cluster's rules";

/// The port of the server, and the number of associations with it.
const PORT: u16 = 5061;
const ASSOCIATIONS: u16 = 16;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![single(takes_one_gateway)]
}

/// Opens associations before and after the page's commands.
fn takes_one_gateway() -> Result<()> {
    let site = site()?;
    let page = Tutorial::read(PAGE, "")?;
    site.server
        .run("ip address add 203.0.113.81/24 dev internet")?;
    let server = site.server.netns().enter(|| {
        let socket = sctp()?;
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT));
        socket.bind(&address.into())?;
        socket.listen(2 * i32::from(ASSOCIATIONS))?;
        Ok(socket)
    })?;
    let before = split(site, 2000)?;
    page.play(SECTION, &site.cluster.hosts)?;
    let after = split(site, 3000);
    page.play(UNDO, &site.cluster.hosts)?;
    let after = after?;
    drop(server);
    site.server
        .run("ip address del 203.0.113.81/24 dev internet")?;
    ensure!(before > 0, "no association was split before the cure");
    ensure!(after == 0, "{after} associations were split in spite of it");
    note!("SCTP with two addresses: {before} of {ASSOCIATIONS} associations were split, then none");
    Ok(())
}

fn sctp() -> Result<Socket> {
    let protocol = Some(Protocol::SCTP);
    Ok(Socket::new(Domain::IPV4, Type::STREAM, protocol)?)
}

/// Opens associations from ports that begin at `first`, and returns how many of them take several
/// gateways.
fn split(site: &Site, first: u16) -> Result<usize> {
    let blade = one(&site.cluster.hosts, "blade-1")?;
    let flows = (first..first + ASSOCIATIONS).map(|port| Flow {
        transport: Transport::Sctp,
        source: SocketAddr::from(([10, 3, 0, 11], port)),
        destination: SocketAddr::from(([203, 0, 113, 80], PORT)),
    });
    site.cluster.capture.take()?;
    let flows: Vec<_> = flows.collect();
    let open = clients::open(&blade, &flows)?;
    let mut servers: BTreeMap<u16, BTreeSet<IpAddr>> = BTreeMap::new();
    let mut gateways: BTreeMap<u16, BTreeSet<usize>> = BTreeMap::new();
    wait("an address of the server was not tried", || {
        for sighting in site.cluster.capture.take()?.keys() {
            let (source, destination) = (sighting.flow.source, sighting.flow.destination);
            if destination.port() == PORT && source.ip() == flows[0].source.ip() {
                let port = source.port();
                servers.entry(port).or_default().insert(destination.ip());
                gateways.entry(port).or_default().insert(sighting.host);
            }
        }
        let both = servers.values().filter(|addresses| addresses.len() == 2);
        Ok(both.count() == flows.len())
    })?;
    drop(open);
    Ok(gateways.values().filter(|seen| seen.len() > 1).count())
}
