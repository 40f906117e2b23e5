// SPDX-License-Identifier: GPL-2.0-only

//! Packets that a bridge hands to iptables (br_netfilter), as clones.

use anyhow::{ensure, Result};
use testbed::family::Family;

use super::network::Network;
use super::scenes::{self, PACKET};
use super::watch::one_mark;
use super::{fragments, sctp};

/// The rules see bridged packets, and have for them the marks that a router has for the same
/// packets.
pub fn as_routed(family: Family) -> Result<()> {
    let (bridged, routed) = (scenes::bridged(family)?, scenes::stateless(family)?);
    for port in fragments::FLOWS {
        let [on_bridge, on_router] = [bridged, routed].map(|marked| {
            one_mark(marked, 2, |marked| {
                marked.spot == PACKET.name && marked.seen.has_port(port)
            })
        });
        let (on_bridge, on_router) = (on_bridge?, on_router?);
        ensure!(
            on_bridge == on_router,
            "port {port}: {on_bridge:#x} on the bridge, {on_router:#x} on the router"
        );
    }
    Ok(())
}

/// Sends what a router gets without conntrack, but for what only routers answer. A socket sees all
/// of it, too, so that the bridge gets clones.
pub fn send(network: &Network) -> Result<()> {
    let socket = network.watch_router()?;
    fragments::send_stateless(network)?;
    sctp::send(network)?;
    socket.set_nonblocking(true)?;
    ensure!(
        socket.recv(&mut [std::mem::MaybeUninit::uninit(); 64])? > 0,
        "the socket saw nothing"
    );
    Ok(())
}
