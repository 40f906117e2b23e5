// SPDX-License-Identifier: GPL-2.0-only

//! ICMP and ICMPv6 errors that routers and ends send, about flows through the router.

use anyhow::{bail, ensure, Context, Result};
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Protocol, Socket, Type};
use testbed::family::Family;
use testbed::patience::PATIENCE;

use super::network::{self, expect_error, send, Network};
use super::scenes::{self, PACKET};
use super::seen::Content;
use super::watch::Marked;

const ECHO: u16 = 7;
/// A port on which nobody listens.
const CLOSED: u16 = 9;
/// More bytes than the narrow link carries, and fewer than the others do.
const TOO_BIG: usize = 1400;
/// More bytes than any link carries.
const LARGE: usize = 4000;

/// An error has the mark of the packet that it is about, whether the far router (too big, time
/// exceeded) or an end (port unreachable) sends it.
pub fn follow_their_flow(family: Family) -> Result<()> {
    let marked = scenes::stateless(family)?;
    let mut found = Vec::new();
    let by_packet = || marked.iter().filter(|marked| marked.spot == PACKET.name);
    for Marked { seen, mark, .. } in by_packet() {
        let Content::Error { kind, code, about } = &seen.content else {
            continue;
        };
        let of_flow: Vec<_> = by_packet().filter(|one| one.seen == **about).collect();
        let [flow] = of_flow[..] else {
            bail!("{seen} is about {} packets", of_flow.len());
        };
        ensure!(
            flow.mark == *mark,
            "{seen} has {mark:#x}, its flow {:#x}",
            flow.mark
        );
        let ends = [network::client(family), network::server(family)];
        found.push((*kind, *code, about.is_fragment(), ends.contains(&seen.src)));
    }
    found.sort_unstable();
    let expected: &[_] = match family {
        Family::Ipv4 => &[
            (3, 3, false, true),
            (3, 3, false, true),
            (3, 4, false, false),
            (11, 0, false, false),
            (11, 0, false, false),
        ],
        Family::Ipv6 => &[
            (1, 4, false, true),
            (1, 4, false, true),
            (2, 0, false, false),
            (2, 0, true, false),
            (2, 0, true, false),
            (3, 0, false, false),
            (3, 0, false, false),
        ],
    };
    ensure!(
        found == expected,
        "errors (type, code, about a fragment, from an end): {found:?} instead of {expected:?}"
    );
    Ok(())
}

/// Causes each error, and waits until the sockets that the errors are for have received them.
pub fn cause(network: &Network) -> Result<()> {
    network.narrow()?;
    let (client, server) = (&network.client, &network.server);

    // Fragmentation needed, or packet too big. The flow goes on in fragments.
    let flow = network.udp(4010, ECHO)?;
    send(flow.client(), &[0; TOO_BIG])?;
    expect_error(flow.client(), Errno::EMSGSIZE)?;
    flow.echo(TOO_BIG)?;
    if network.family == Family::Ipv6 {
        // Routers do not fragment IPv6: fragments that are too big cause the error as well.
        client.run("ip -6 route flush cache")?;
        let flow = network::udp(client, network.at_client(4011), network.at_server(ECHO))?;
        send(&flow, &[0; LARGE])?;
        expect_error(&flow, Errno::EMSGSIZE)?;
    }

    // Port unreachable, from the server and from the client.
    let (from, to) = (network.at_client(4012), network.at_server(CLOSED));
    let closed = network::udp(client, from, to)?;
    send(&closed, b"ping")?;
    expect_error(&closed, Errno::ECONNREFUSED)?;
    let (from, to) = (network.at_server(4013), network.at_client(CLOSED));
    let closed = network::udp(server, from, to)?;
    send(&closed, b"ping")?;
    expect_error(&closed, Errno::ECONNREFUSED)?;

    // Time exceeded: the far router is the second one.
    let (from, to) = (network.at_client(4014), network.at_server(ECHO));
    let short = network::udp(client, from, to)?;
    live_short(&short, network.family)?;
    send(&short, b"ping")?;
    expect_error(&short, Errno::EHOSTUNREACH)?;
    let short = network::socket(client, network.at_client(4015), Type::STREAM, Protocol::TCP)?;
    live_short(&short, network.family)?;
    let connected = short.connect_timeout(&to.into(), PATIENCE);
    let error = connected.err().context("connected in two hops")?;
    ensure!(
        error.raw_os_error() == Some(Errno::EHOSTUNREACH as i32),
        "connecting in two hops: {error}"
    );
    Ok(())
}

/// Lets a socket's packets pass only one router, and enables the reporting of errors to it.
fn live_short(socket: &Socket, family: Family) -> Result<()> {
    match family {
        Family::Ipv4 => {
            socket.set_ttl_v4(2)?;
            setsockopt(socket, sockopt::Ipv4RecvErr, &true)?;
        }
        Family::Ipv6 => {
            socket.set_unicast_hops_v6(2)?;
            setsockopt(socket, sockopt::Ipv6RecvErr, &true)?;
        }
    }
    Ok(())
}
