// SPDX-License-Identifier: GPL-2.0-only

//! Programs that people use, at both ends of the router, and rules of revision 1.

use std::fs;

use anyhow::{ensure, Context, Result};
use testbed::family::Family;

use super::network::{self, Network};
use super::scenes::PACKET;
use super::watch::{Act, Spot};

/// A rule of marks that were added and taken out.
pub const GROWN: Spot = Spot {
    name: "grown",
    options: "--hmark-tuple src,dst,sport,dport,proto --hmark-mod 70 --hmark-offset 256 --hmark-mask 0x7f00 \
              --hmark-from 64 --hmark-weight 12=50,35=0 --hmark-rnd 1",
    ..PACKET
};

/// A rule with a key, which hashes one end, and of errors the other.
pub const KEYED: Spot = Spot {
    name: "keyed",
    options: "--hmark-tuple src,sport --hmark-mod 4294967295 --hmark-reverse-errors \
              --hmark-key 00112233445566778899aabbccddeeff",
    ..PACKET
};

/// A rule that looks into tunnels.
pub const INNER: Spot = Spot {
    name: "inner",
    options: "--hmark-tuple src,dst,sport,dport,proto --hmark-mod 4294967295 \
              --hmark-inner gtpu,vxlan,geneve,gre,ipip --hmark-rnd 1",
    ..PACKET
};

/// A rule that hashes the end which opened the connection.
pub const OPENER: Spot = Spot {
    name: "opener",
    options: "--hmark-tuple ct,src,sport --hmark-mod 4294967295 --hmark-rnd 1",
    ..PACKET
};

/// The programs, each with its traffic. Those whose connections can be told come first.
pub const ACTS: [Act; 4] = [
    ("curl and nginx", web),
    ("ping", ping),
    ("traceroute", traceroute),
    ("tunnels", tunnels),
];

/// The number of programs whose connections can be told.
pub const TRACKED: usize = 3;

const WEB: &str = "/run/stacks-nginx";

/// Fetches files of several sizes by HTTP.
fn web(network: &Network) -> Result<()> {
    let server = network.at_server(80);
    fs::create_dir_all(WEB)?;
    for size in [10, 5_000, 300_000] {
        fs::write(format!("{WEB}/{size}"), vec![b'x'; size])?;
    }
    let configuration = format!("{WEB}/nginx.conf");
    fs::write(
        &configuration,
        format!(
            "pid {WEB}/pid; error_log {WEB}/error; user root; events {{}} \
             http {{ access_log off; server {{ listen {server}; root {WEB}; }} }}"
        ),
    )?;
    network.server.run(&format!("nginx -c {configuration}"))?;
    let fetched = || -> Result<()> {
        for size in [10, 5_000, 300_000, 10] {
            let page = network
                .client
                .run(&format!("curl -sSf http://{server}/{size}"))?;
            ensure!(
                page.trim_end().len() == size,
                "{} bytes of {size}",
                page.len()
            );
        }
        Ok(())
    };
    let fetched = fetched();
    network
        .server
        .run(&format!("nginx -c {configuration} -s stop"))?;
    fetched
}

/// Sends echoes, small ones and fragments.
fn ping(network: &Network) -> Result<()> {
    let server = network::server(network.family);
    for size in [56, 4_000] {
        network
            .client
            .run(&format!("busybox ping -c 3 -i 0.1 -s {size} {server}"))?;
    }
    Ok(())
}

/// Asks for the routers on the way, by UDP and, of IPv4, by ICMP.
fn traceroute(network: &Network) -> Result<()> {
    let server = network::server(network.family);
    let program = match network.family {
        Family::Ipv4 => "traceroute",
        Family::Ipv6 => "traceroute6",
    };
    let hops = network
        .client
        .run(&format!("busybox {program} -n -q 1 -w 2 {server}"))?;
    ensure!(hops.lines().count() >= 3, "too few routers: {hops}");
    Ok(())
}

/// Pings through tunnels of each kind.
fn tunnels(network: &Network) -> Result<()> {
    network.send_from_ends()?;
    let [client, server] = [network::client, network::server].map(|end| end(network.family));
    let ends = ["172.16.0.1", "172.16.0.2"];
    let kinds: &[&str] = match network.family {
        Family::Ipv4 => &[
            "vxlan id 42 dstport 4789",
            "geneve id 42",
            "gre",
            "gretap key 7",
            "ipip",
        ],
        Family::Ipv6 => &[
            "vxlan id 42 dstport 4789",
            "geneve id 42",
            "ip6gre",
            "ip6gretap",
            "ip6tnl mode any",
        ],
    };
    for kind in kinds {
        let sides = [
            (&network.client, client, server, ends[0]),
            (&network.server, server, client, ends[1]),
        ];
        for (netns, local, remote, address) in sides {
            let local = match kind.starts_with("geneve") {
                true => String::new(),
                false => format!("local {local}"),
            };
            netns.ip(&format!(
                "link add tunnel0 type {kind} {local} remote {remote}\nlink set tunnel0 up\n\
                 address add {address}/24 dev tunnel0\n"
            ))?;
        }
        let pinged = network
            .client
            .run(&format!("busybox ping -c 3 -i 0.1 {}", ends[1]))
            .with_context(|| (*kind).to_owned());
        for netns in [&network.client, &network.server] {
            netns.ip("link del tunnel0\n")?;
        }
        pinged?;
    }
    Ok(())
}
