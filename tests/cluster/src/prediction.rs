// SPDX-License-Identifier: GPL-2.0-only

//! The operator's tool, asked on a host where its flows go: it reads the host's rules and routes, and sees
//! no packet.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::process;
use std::sync::Arc;

use anyhow::{bail, ensure, Context, Result};
use hmark_cli::host::{self, File, Links};
use hmark_cli::way::Question;

use crate::flow::Flow;
use crate::host::Host;

/// The most differences that are shown.
const SHOWN: usize = 5;

/// A host as its files show it.
///
/// # Errors
/// If a command fails that prints one of them.
pub fn saved(host: &Host) -> Result<host::Host> {
    let folder = std::env::temp_dir().join(format!("hmark-{}-{}", host.name(), process::id()));
    fs::create_dir_all(&folder)?;
    for file in File::ALL {
        // The lab's hosts have one iptables, and no question here depends on settings.
        if file == File::Sysctls || file.is_optional() {
            continue;
        }
        let text = host.run(&file.command().join(" "))?;
        fs::write(folder.join(file.name()), text)?;
    }
    let saved = host::Host::saved(&folder)?;
    fs::remove_dir_all(&folder)?;
    Ok(saved)
}

/// The gateway's address, and the device, by which `host` sends the first packet of a flow that comes in by
/// `input`.
///
/// # Errors
/// If the tool cannot tell, or says that the packet takes no route.
pub fn ask(host: &host::Host, flow: &Flow, input: &str) -> Result<(IpAddr, String)> {
    let Flow {
        transport,
        source,
        destination,
    } = flow;
    let text = format!(
        "{} {source} {destination}",
        transport.to_string().to_lowercase()
    );
    let question = Question {
        input: Some(input.to_owned()),
        ..Question::new(text.parse()?)
    };
    let way = host.way(&question)?;
    if let Some(reason) = &way.cannot_tell {
        bail!("{flow}: cannot tell: {reason}");
    }
    let hop = way.hop();
    let device = hop.and_then(|hop| hop.device.clone());
    let gateway = hop.and_then(|hop| hop.gateway);
    gateway
        .zip(device)
        .with_context(|| format!("{flow}: no gateway, but {:?}", way.found))
}

/// Compares the gateway of each flow that the tool says for a selector with those that saw its packets.
/// Returns the number of flows.
///
/// # Errors
/// If they differ, or no host has the gateway's address.
pub fn check_gateways(
    selector: &Host,
    input: &str,
    gateways: &[Arc<Host>],
    flows: &[Flow],
    seen: impl Iterator<Item = BTreeSet<usize>>,
) -> Result<usize> {
    let selector = saved(selector)?;
    let addresses = gateways.iter().map(|gateway| {
        let links = Links::read(gateway.run("ip -j addr")?.as_bytes())?;
        let addresses = links.0.into_iter().flat_map(|link| link.addresses);
        Ok(addresses.filter_map(|address| address.local).collect())
    });
    let addresses: Vec<Vec<IpAddr>> = addresses.collect::<Result<_>>()?;
    let (mut compared, mut differing) = (0, Vec::new());
    for (flow, seen) in flows.iter().zip(seen) {
        let (gateway, _) = ask(&selector, flow, input)?;
        let is_of = |addresses: &Vec<IpAddr>| addresses.contains(&gateway);
        let place = addresses.iter().position(is_of);
        let place = place.with_context(|| format!("no gateway has {gateway}"))?;
        compared += 1;
        if seen != BTreeSet::from([place]) {
            differing.push(format!("{flow}: the tool says {place}, seen by {seen:?}"));
        }
    }
    ensure!(
        compared == flows.len(),
        "{compared} of {} flows",
        flows.len()
    );
    ensure!(
        differing.is_empty(),
        "{} of {compared} flows go elsewhere: {}",
        differing.len(),
        differing[..differing.len().min(SHOWN)].join("; ")
    );
    Ok(compared)
}
