// SPDX-License-Identifier: GPL-2.0-only

//! IPsec: ESP and AH as the kernel's own security associations send them.

use std::collections::BTreeSet;
use std::fmt::Write;

use anyhow::{ensure, Result};
use packets::protocol::{AH, ESP};
use testbed::family::Family;
use testbed::netns::Netns;

use super::network::{self, Network};
use super::scenes::{self, PACKET};
use super::seen::Content;
use super::watch::{one_mark, Spot};

/// The security associations that carry the flow to one port of the server: one in each direction.
struct Pair {
    port: u16,
    protocol: u8,
    mode: &'static str,
    there: u32,
    back: u32,
}

/// The client's port.
const CLIENT: u16 = 4050;

/// The associations. Each Security Parameter Index falls into a bucket of its own.
const PAIRS: [Pair; 3] = [
    Pair {
        port: 607,
        protocol: ESP,
        mode: "transport",
        there: 0x1001,
        back: 0x1002,
    },
    Pair {
        port: 608,
        protocol: ESP,
        mode: "tunnel",
        there: 0x101d,
        back: 0x100b,
    },
    Pair {
        port: 609,
        protocol: AH,
        mode: "transport",
        there: 0x1005,
        back: 0x1009,
    },
];

/// A rule that hashes the Security Parameter Index.
pub const SPI: Spot = Spot {
    name: "spi",
    options: "--hmark-tuple spi,proto --hmark-mod 6 --hmark-offset 100 --hmark-rnd 1",
    ..PACKET
};
/// A rule that hashes the part of the index that all associations here have in common.
pub const MASKED: Spot = Spot {
    name: "masked",
    options: "--hmark-spi-mask 0xffffff00 --hmark-tuple src,dst --hmark-mod 4294967295 \
              --hmark-rnd 1",
    ..PACKET
};

/// All packets of an association have one mark, and each association has a different one. Under a
/// mask that hides the difference, all have the same.
pub fn by_association(family: Family) -> Result<()> {
    let marked = scenes::stateless(family)?;
    let mut buckets = BTreeSet::new();
    for pair in &PAIRS {
        for spi in [pair.there, pair.back] {
            buckets.insert(one_mark(marked, 1, |marked| {
                marked.spot == SPI.name
                    && marked.seen.protocol == pair.protocol
                    && marked.seen.content == Content::Spi(spi)
            })?);
        }
    }
    ensure!(
        buckets.len() == 2 * PAIRS.len(),
        "not a bucket for each association: {buckets:?}"
    );
    one_mark(marked, 2 * PAIRS.len(), |marked| {
        marked.spot == MASKED.name && matches!(marked.seen.content, Content::Spi(_))
    })?;
    Ok(())
}

/// Sets up the associations of client and server.
fn associate(network: &Network) -> Result<()> {
    let family = network.family;
    let (client, server) = (network::client(family), network::server(family));
    let mut states = String::new();
    let mut policies = [String::new(), String::new()];
    for pair in &PAIRS {
        let (name, algorithm) = match pair.protocol {
            ESP => (
                "esp",
                format!("aead rfc4106(gcm(aes)) 0x{} 128", "5a".repeat(20)),
            ),
            _ => ("ah", format!("auth hmac(sha256) 0x{}", "5a".repeat(32))),
        };
        let Pair { port, mode, .. } = pair;
        for (src, dst, spi, selector, directions) in [
            (client, server, pair.there, "dport", ["out", "in"]),
            (server, client, pair.back, "sport", ["in", "out"]),
        ] {
            writeln!(
                states,
                "xfrm state add src {src} dst {dst} proto {name} spi {spi:#x} reqid {port} \
                 mode {mode} {algorithm}"
            )?;
            for (policies, direction) in policies.iter_mut().zip(directions) {
                writeln!(
                    policies,
                    "xfrm policy add src {src} dst {dst} proto udp {selector} {port} \
                     dir {direction} tmpl src {src} dst {dst} proto {name} reqid {port} \
                     mode {mode}"
                )?;
            }
        }
    }
    let namespaces: [&Netns; 2] = [&network.client, &network.server];
    for (netns, policies) in namespaces.into_iter().zip(policies) {
        netns.ip(&format!("{states}{policies}"))?;
    }
    Ok(())
}

/// Sends datagrams of two sizes through each association.
pub fn send(network: &Network) -> Result<()> {
    associate(network)?;
    for pair in &PAIRS {
        let flow = network.udp(CLIENT, pair.port)?;
        flow.echo(100)?;
        flow.echo(200)?;
    }
    Ok(())
}
