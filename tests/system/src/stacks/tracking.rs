// SPDX-License-Identifier: GPL-2.0-only

//! Packets without a connection of their own, under rules that take the connection's tuple.

use anyhow::{ensure, Context, Result};
use hmark::Connection;
use packets::protocol::UDP;
use testbed::family::Family;
use testbed::options;

use super::nat::connection_mark;
use super::network::{self, Network};
use super::scenes::{self, CONNECTION};
use super::watch::{one_mark, Line, Spot};
use crate::experiment::LEFT_ALONE;

/// The client's port.
const CLIENT: u16 = 4030;
/// The server's ports for a tracked flow, for an untracked one, and for one with a template.
const TRACKED: u16 = 707;
const UNTRACKED: u16 = 708;
const TEMPLATE: u16 = 709;

/// A rule that hashes the connection's tuple before there is one.
pub const RAW: Spot = Spot {
    name: "raw",
    table: "raw",
    ..CONNECTION
};

/// In the raw table no packet has its connection yet, and after `-j CT --notrack` it never gets
/// one: the mark is left alone. `-j CT` gives a packet a template, and all templates hash alike.
pub fn without_connection(family: Family) -> Result<()> {
    let marked = scenes::tracked(family)?;
    let server = network::server(family);
    let template = {
        let rule = options::parse(CONNECTION.options, family)?;
        hmark::mark(family, &Connection::default(), &rule).context("a template has a mark")?
    };
    let connection = |port| connection_mark(family, CLIENT, (server, port), UDP);
    for (spot, port, there, back) in [
        (RAW.name, TRACKED, LEFT_ALONE, LEFT_ALONE),
        (RAW.name, UNTRACKED, LEFT_ALONE, LEFT_ALONE),
        (RAW.name, TEMPLATE, template, LEFT_ALONE),
        (
            CONNECTION.name,
            TRACKED,
            connection(TRACKED)?,
            connection(TRACKED)?,
        ),
        (CONNECTION.name, UNTRACKED, LEFT_ALONE, LEFT_ALONE),
        (
            CONNECTION.name,
            TEMPLATE,
            connection(TEMPLATE)?,
            connection(TEMPLATE)?,
        ),
    ] {
        for (to_server, expected) in [(true, there), (false, back)] {
            let found = one_mark(marked, 1, |marked| {
                marked.spot == spot
                    && marked.seen.has_port(port)
                    && (marked.seen.dst == server) == to_server
            })?;
            ensure!(
                found == expected,
                "{spot}, port {port}, to the server: {to_server}: {found:#x} instead of \
                 {expected:#x}"
            );
        }
    }
    Ok(())
}

/// The rules in the raw table before the HMARK rule, and one that makes the kernel track at all.
pub fn rules() -> Vec<Line> {
    let raw = |rule: &str| ("raw", format!("-A PREROUTING -p udp {rule}"));
    vec![
        raw(&format!("--dport {UNTRACKED} -j CT --notrack")),
        raw(&format!("--sport {UNTRACKED} -j CT --notrack")),
        raw(&format!("--dport {TEMPLATE} -j CT")),
        (
            "mangle",
            "-A FORWARD -m conntrack --ctstate INVALID".to_owned(),
        ),
    ]
}

/// Sends a datagram of each flow, there and back.
pub fn send(network: &Network) -> Result<()> {
    [TRACKED, UNTRACKED, TEMPLATE]
        .iter()
        .try_for_each(|&port| network.udp(CLIENT, port)?.echo(100))
}
