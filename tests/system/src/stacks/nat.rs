// SPDX-License-Identifier: GPL-2.0-only

//! Translated flows: the conntrack tuple has the ends' own addresses.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use anyhow::{ensure, Context, Result};
use nix::errno::Errno;
use packets::protocol::{TCP, UDP};
use packets::{Conntrack, Flow};
use socket2::Protocol;
use testbed::family::Family;
use testbed::options;

use super::network::{self, expect_error, Network};
use super::scenes::{self, CONNECTION, PACKET};
use super::watch::{marks, one_mark, Line, Marked, Spot};

/// A rule that hashes the connection's tuple after translation of destinations.
pub const FORWARD: Spot = Spot {
    name: "forward",
    chain: "FORWARD",
    ..CONNECTION
};
pub const POSTROUTING: Spot = Spot {
    name: "postrouting",
    chain: "POSTROUTING",
    ..CONNECTION
};

/// Client ports of the flows.
const TO_SERVICE: u16 = 4020;
const AS_MASQUERADE: u16 = 4021;
const TO_CLOSED: u16 = 4022;
/// Ports of the service, of the server behind it, and one on which nobody listens.
const SERVICE: u16 = 80;
const SERVER: u16 = 8080;
const CLOSED: u16 = 9;
/// Ports of the flow whose source is translated.
const PLAIN: u16 = 443;
const MASQUERADE: u16 = 5001;

/// With `ct`, both directions of a translated flow and the ICMP errors about it have one mark. By
/// the packets' own headers, the directions have two.
///
/// There is an exception: mangle's PREROUTING comes before nat's, so there the first packet of a
/// flow has the mark of the untranslated destination, as with the C module. It does not apply to
/// rules in FORWARD or POSTROUTING, nor to translation of sources.
pub fn has_one_mark(family: Family) -> Result<()> {
    let marked = scenes::tracked(family)?;
    let [server, service] = [network::server(family), network::service(family)];
    let expected = |port, reply_src, reply_port, protocol| {
        connection_mark(family, port, (reply_src, reply_port), protocol)
    };

    let to_service = |marked: &Marked| marked.seen.has_port(TO_SERVICE);
    let mark = expected(TO_SERVICE, server, SERVER, TCP)?;
    let first = expected(TO_SERVICE, service, SERVICE, TCP)?;
    flow(marked, mark, Some(first), &to_service)?;

    // In PREROUTING, the reply's destination is not translated back yet.
    let as_masquerade = |marked: &Marked| marked.seen.has_port(PLAIN);
    let mark = expected(AS_MASQUERADE, server, PLAIN, TCP)?;
    flow(marked, mark, None, &as_masquerade)?;

    // The flow's other direction is the "port unreachable" from the server.
    let to_closed = |marked: &Marked| marked.seen.has_port(TO_CLOSED);
    let mark = expected(TO_CLOSED, server, CLOSED, UDP)?;
    let first = expected(TO_CLOSED, service, CLOSED, UDP)?;
    for spot in [FORWARD.name, POSTROUTING.name] {
        let found = one_mark(marked, 2, |marked| marked.spot == spot && to_closed(marked))?;
        ensure!(found == mark, "{spot}: {found:#x} instead of {mark:#x}");
    }
    let (found, _) = marks(marked, |marked| {
        marked.spot == CONNECTION.name && to_closed(marked)
    });
    let expected = BTreeSet::from([first, mark]);
    ensure!(found == expected, "{found:#x?} instead of {expected:#x?}");
    Ok(())
}

/// Checks the marks of a TCP flow: with `ct`, `first` for its first packet in PREROUTING and `mark`
/// for all others; without, one for each direction.
fn flow(
    marked: &BTreeSet<Marked>,
    mark: u32,
    first: Option<u32>,
    of_flow: &dyn Fn(&Marked) -> bool,
) -> Result<()> {
    for spot in [FORWARD.name, POSTROUTING.name] {
        let found = one_mark(marked, 2, |marked| marked.spot == spot && of_flow(marked))?;
        ensure!(found == mark, "{spot}: {found:#x} instead of {mark:#x}");
    }
    let at = |spot| marks(marked, |marked| marked.spot == spot && of_flow(marked));
    let (found, kinds) = at(CONNECTION.name);
    let expected: BTreeSet<_> = first.into_iter().chain([mark]).collect();
    ensure!(
        found == expected && kinds == 2 + usize::from(first.is_some()),
        "prerouting: {kinds} kinds of packets with {found:#x?} instead of {expected:#x?}"
    );
    let (found, kinds) = at(PACKET.name);
    ensure!(
        found.len() == 2 && kinds == 2,
        "without ct: {kinds} kinds of packets with {found:#x?}"
    );
    Ok(())
}

/// The router's rules for translation.
pub fn rules(family: Family) -> Vec<Line> {
    let [server, service] = [network::server(family), network::service(family)];
    let masquerade = SocketAddr::new(network::masquerade(family), MASQUERADE);
    let to_service = |protocol, port, to| {
        let to = SocketAddr::new(server, to);
        format!(
            "-A PREROUTING -d {service} -p {protocol} --dport {port} -j DNAT --to-destination {to}"
        )
    };
    vec![
        ("nat", to_service("tcp", SERVICE, SERVER)),
        ("nat", to_service("udp", CLOSED, CLOSED)),
        (
            "nat",
            format!(
                "-A POSTROUTING -d {server} -p tcp --dport {PLAIN} -j SNAT --to-source {masquerade}"
            ),
        ),
    ]
}

/// Sends TCP flows there and back, and a datagram that finds no listener.
pub fn send(network: &Network) -> Result<()> {
    let service = network::service(network.family);
    let tcp = |sport, to: SocketAddr, server| {
        network
            .stream(Protocol::TCP, sport, to, network.at_server(server))?
            .echo(100)
    };
    tcp(TO_SERVICE, SocketAddr::new(service, SERVICE), SERVER)?;
    tcp(AS_MASQUERADE, network.at_server(PLAIN), PLAIN)?;
    let (from, to) = (
        network.at_client(TO_CLOSED),
        SocketAddr::new(service, CLOSED),
    );
    let closed = network::udp(&network.client, from, to)?;
    network::send(&closed, b"ping")?;
    expect_error(&closed, Errno::ECONNREFUSED)
}

/// The mark that [`CONNECTION`] gives a flow from a port of the client to which `reply` answers.
pub fn connection_mark(
    family: Family,
    port: u16,
    reply: (IpAddr, u16),
    protocol: u8,
) -> Result<u32> {
    let rule = options::parse(CONNECTION.options, family)?;
    let flow = Flow {
        source: (network::client(family), port).into(),
        destination: reply.into(),
        protocol,
    };
    let connection = Conntrack::of(flow).connection().context("an entry")?;
    hmark::mark(family, &connection, &rule).context("a connection has a mark")
}
