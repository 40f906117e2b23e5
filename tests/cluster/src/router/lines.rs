// SPDX-License-Identifier: GPL-2.0-only

//! Each flow takes the line that the operator's tool says on the router.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::note;
use testbed::patience::wait;
use testbed::trial::families;
use testbed::trials;

use super::site::site;
use crate::capture::Capture;
use crate::flow::{Flow, Transport};
use crate::host::one;
use crate::prediction;
use crate::size::Size;
use crate::stage::Stage;

/// The providers' hosts, and their lines.
const LINES: [(&str, &str); 2] = [("isp-a", "line-a"), ("isp-b", "line-b")];

/// The first port of the web server's host that a flow goes to, on which nobody listens: each flow has its
/// own, since the router translates the other end.
const FIRST: u16 = 20_000;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![families(as_predicted)]
}

fn as_predicted(family: Family) -> Result<()> {
    check(site()?, family)
}

/// Sends flows from the clients, and compares the line of each with the one that the tool says.
///
/// # Errors
/// If they differ, or all flows took one line.
pub fn check(site: &Stage, family: Family) -> Result<()> {
    // Both families together have 1,000 flows and more.
    let count = Size::wanted()?.flows * 3 / 2;
    let flows = flows(family, count);
    let captures = LINES.map(|(isp, line)| Capture::start(&[one(&site.hosts, isp)?], &[line]));
    let [a, b] = captures;
    let captures = [a?, b?];
    let router = one(&site.hosts, "router")?;
    let before = prediction::saved(&router)?;
    one(&site.hosts, "client")?.netns().enter(|| {
        for flow in &flows {
            UdpSocket::bind(flow.source)?.send_to(b"a flow", flow.destination)?;
        }
        Ok(())
    })?;
    let mut seen = BTreeMap::new();
    let waited = wait("datagrams are missing", || {
        for (capture, (_, line)) in captures.iter().zip(LINES) {
            for sighting in capture.take()?.into_keys() {
                if sighting.flow.transport == Transport::Udp {
                    seen.insert(sighting.flow.destination.port(), line);
                }
            }
        }
        Ok(flows
            .iter()
            .all(|flow| seen.contains_key(&flow.destination.port())))
    });
    waited.with_context(|| format!("{} of {count} flows seen", seen.len()))?;
    let mut shares = BTreeMap::<_, usize>::new();
    for flow in &flows {
        let (_, device) = prediction::ask(&before, flow, "lan")?;
        let line = seen[&flow.destination.port()];
        ensure!(
            device == line,
            "{flow}: the tool says {device}, seen on {line}"
        );
        *shares.entry(line).or_default() += 1;
    }
    ensure!(
        shares.len() == LINES.len(),
        "all flows took one line: {shares:?}"
    );
    note!("{family}: {count} flows seen on the line that the operator's tool says: {shares:?}");
    Ok(())
}

/// Flows from the clients, each to another port.
fn flows(family: Family, count: usize) -> Vec<Flow> {
    let (first, web): (IpAddr, IpAddr) = match family {
        Family::Ipv4 => ([10, 4, 0, 11].into(), [203, 0, 113, 80].into()),
        Family::Ipv6 => (
            [0xfd00, 4, 0, 0, 0, 0, 0, 0x11].into(),
            [0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 0x80].into(),
        ),
    };
    let ports = (0..count as u16).map(|number| FIRST + number);
    let flow = |port: u16| Flow {
        transport: Transport::Udp,
        source: SocketAddr::new(first, port.wrapping_mul(7) | 1024),
        destination: SocketAddr::new(web, port),
    };
    ports.map(flow).collect()
}
