// SPDX-License-Identifier: GPL-2.0-only

//! Datagrams larger than the MTU, as the network stacks of the ends send them.

use anyhow::{ensure, Result};
use testbed::family::Family;

use super::network::Network;
use super::scenes::{self, PACKET};
use super::watch::{one_mark, Spot};

/// Client ports of the flows.
pub const FLOWS: [u16; 2] = [4000, 4001];
/// The server's port.
const ECHO: u16 = 7;
/// Bytes in a datagram of three fragments.
const LARGE: usize = 4000;
/// Bytes in a datagram that needs no fragments.
const SMALL: usize = 100;

/// A rule that hashes the packet's own headers, but not its ports.
pub const NO_PORTS: Spot = Spot {
    name: "no-ports",
    options: "--hmark-tuple src,dst,proto --hmark-mod 4294967295 --hmark-rnd 1",
    ..PACKET
};

/// All fragments of both directions have one mark: that of a rule that hashes no ports, since only
/// first fragments have any. So it is also the mark of other flows between these ends, but not that
/// of the flow's small datagrams, whose ports are hashed. The C module does the same.
pub fn of_large_datagrams(family: Family) -> Result<()> {
    let marked = scenes::stateless(family)?;
    // Two directions, each with first and with later fragments.
    let fragments = one_mark(marked, 4, |marked| {
        marked.spot == PACKET.name && marked.seen.is_fragment()
    })?;
    let no_ports = one_mark(marked, 4, |marked| {
        marked.spot == NO_PORTS.name && marked.seen.is_fragment()
    })?;
    let small = FLOWS.map(|port| {
        let of = |spot: Spot| {
            one_mark(marked, 2, |marked| {
                marked.spot == spot.name && marked.seen.has_port(port)
            })
        };
        Ok([of(PACKET)?, of(NO_PORTS)?])
    });
    let [one, other]: [Result<_>; 2] = small;
    let [[one, one_no_ports], [other, other_no_ports]] = [one?, other?];
    ensure!(
        one != other && one != fragments && other != fragments,
        "flows {one:#x} and {other:#x}, fragments {fragments:#x}"
    );
    for mark in [no_ports, one_no_ports, other_no_ports] {
        ensure!(
            mark == fragments,
            "{mark:#x} without ports, but fragments have {fragments:#x}"
        );
    }
    Ok(())
}

/// If connections are tracked, fragments are reassembled before any table sees them, so that large
/// datagrams have the mark of their flow.
pub fn come_together(family: Family) -> Result<()> {
    let marked = scenes::tracked(family)?;
    ensure!(
        !marked.iter().any(|marked| marked.seen.is_fragment()),
        "a fragment on its own"
    );
    // Two directions under two rules, which agree as long as nothing is translated.
    let [one, other] = FLOWS.map(|port| {
        one_mark(marked, 4, |marked| {
            let spots = [PACKET.name, scenes::CONNECTION.name];
            spots.contains(&&*marked.spot) && marked.seen.has_port(port)
        })
    });
    let (one, other) = (one?, other?);
    ensure!(one != other, "both flows have {one:#x}");
    Ok(())
}

/// Sends small datagrams and large ones, there and back.
pub fn send_stateless(network: &Network) -> Result<()> {
    FLOWS.iter().try_for_each(|&port| {
        let flow = network.udp(port, ECHO)?;
        flow.echo(SMALL)?;
        flow.echo(LARGE)
    })
}

/// Sends only large datagrams, there and back.
pub fn send_tracked(network: &Network) -> Result<()> {
    FLOWS
        .iter()
        .try_for_each(|&port| network.udp(port, ECHO)?.echo(LARGE))
}
