// SPDX-License-Identifier: GPL-2.0-only

//! SCTP with the kernel's own sockets.

use anyhow::{ensure, Result};
use packets::protocol::SCTP;
use socket2::Protocol;
use testbed::family::Family;
use testbed::kernel;

use super::network::Network;
use super::scenes::{self, PACKET};
use super::watch::one_mark;

/// Client ports of the associations.
const ASSOCIATIONS: [u16; 2] = [4040, 4041];
const ECHO: u16 = 7;

/// All packets of an association, from the first to the last and in either direction, have one
/// mark; another association has a different one.
pub fn by_association(family: Family) -> Result<()> {
    let marked = scenes::stateless(family)?;
    let [one, other] = ASSOCIATIONS.map(|port| {
        one_mark(marked, 2, |marked| {
            marked.spot == PACKET.name && marked.seen.protocol == SCTP && marked.seen.has_port(port)
        })
    });
    let (one, other) = (one?, other?);
    ensure!(one != other, "both associations have {one:#x}");
    Ok(())
}

/// Opens associations, sends something there and back, and closes them.
pub fn send(network: &Network) -> Result<()> {
    kernel::load_sctp()?;
    let server = network.at_server(ECHO);
    ASSOCIATIONS.iter().try_for_each(|&port| {
        network
            .stream(Protocol::from(i32::from(SCTP)), port, server, server)?
            .echo(100)
    })
}
