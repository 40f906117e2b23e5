// SPDX-License-Identifier: GPL-2.0-only

//! The packets that each gateway saw, read from its conntrack table.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::str::FromStr;

use anyhow::{Context, Result};
use testbed::family::{Commands, Family};

use crate::topology::{self, Topology, GATEWAYS};
use crate::traffic::{Flow, Transport};

/// Packets of one flow that one gateway saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// From client to server.
    pub forth: u64,
    /// From server to client.
    pub back: u64,
}

/// All flows that any gateway saw, with the packets of each by gateway.
pub type Sightings = HashMap<Flow, [Seen; GATEWAYS as usize]>;

/// Reads the conntrack tables of all gateways.
pub fn read(topology: &Topology, family: Family) -> Result<Sightings> {
    let mut sightings = Sightings::new();
    for (number, gateway) in topology.gateways.iter().enumerate() {
        let table = gateway.run(&format!("conntrack -L -f {}", family.name()))?;
        for line in table.lines() {
            let entry = entry(line).with_context(|| format!("conntrack -L printed: {line}"))?;
            let Some((mut flow, original, reply)) = entry else {
                continue;
            };
            // A gateway that first saw a reply has recorded the flow in reverse.
            let mut seen = Seen {
                forth: original,
                back: reply,
            };
            if flow.server.ip() != topology::server(family) {
                std::mem::swap(&mut flow.client, &mut flow.server);
                std::mem::swap(&mut seen.forth, &mut seen.back);
            }
            let total = &mut sightings.entry(flow).or_default()[number];
            total.forth += seen.forth;
            total.back += seen.back;
        }
    }
    Ok(sightings)
}

/// Reads an entry: the flow in its original direction, and the packets of both directions.
///
/// [`None`] if the flow is neither TCP nor UDP.
fn entry(line: &str) -> Result<Option<(Flow, u64, u64)>> {
    let transport = match line.split_whitespace().next() {
        Some("tcp") => Transport::Tcp,
        Some("udp") => Transport::Udp,
        _ => return Ok(None),
    };
    let flow = Flow {
        transport,
        client: SocketAddr::new(value(line, "src", 0)?, value(line, "sport", 0)?),
        server: SocketAddr::new(value(line, "dst", 0)?, value(line, "dport", 0)?),
    };
    let original = value(line, "packets", 0)?;
    let reply = value(line, "packets", 1)?;
    Ok(Some((flow, original, reply)))
}

/// The value of the `nth` `key=value` in `line`.
fn value<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    line: &str,
    key: &str,
    nth: usize,
) -> Result<T> {
    line.split_whitespace()
        .filter_map(|word| word.strip_prefix(key)?.strip_prefix('='))
        .nth(nth)
        .with_context(|| format!("no {key}"))?
        .parse()
        .with_context(|| format!("unreadable {key}"))
}
