// SPDX-License-Identifier: GPL-2.0-only

//! The scenes that all tests here share: without conntrack in the router, with it, and with a bridge
//! in the router's place.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use testbed::family::Family;
use testbed::note;
use testbed::once::{once, Once};

use super::network::Way;
use super::watch::{Act, Marked, Played, Scene, Spot};
use super::{bridged, errors, fragments, ipsec, nat, sctp, tracking};

/// A rule that hashes the packet's own headers.
pub const PACKET: Spot = Spot {
    name: "packet",
    table: "mangle",
    chain: "PREROUTING",
    options: "--hmark-tuple src,dst,sport,dport,proto --hmark-mod 4294967295 --hmark-rnd 1",
};

/// A rule that hashes the tuple of the packet's connection.
pub const CONNECTION: Spot = Spot {
    name: "connection",
    options: "--hmark-tuple ct,src,dst,sport,dport,proto --hmark-mod 4294967295 --hmark-rnd 1",
    ..PACKET
};

/// The results of a scene, for each family.
type Results = [Once<Played>; 2];

/// Plays the scene in which no connections are tracked.
fn play_stateless(family: Family) -> Result<&'static Played> {
    static RESULTS: Results = [Once::new(), Once::new()];
    once(&RESULTS[family as usize], || {
        let acts: [Act; 4] = [
            ("fragments", fragments::send_stateless),
            ("SCTP", sctp::send),
            ("IPsec", ipsec::send),
            // Last, since it makes a link narrow.
            ("ICMP errors", errors::cause),
        ];
        let scene = Scene {
            family,
            way: Way::Routed,
            spots: &[PACKET, fragments::NO_PORTS, ipsec::SPI, ipsec::MASKED],
            rules: &[],
            acts: &acts,
        };
        scene.play()
    })
}

/// Plays the scene in which connections are tracked, and some translated.
fn play_tracked(family: Family) -> Result<&'static Played> {
    static RESULTS: Results = [Once::new(), Once::new()];
    once(&RESULTS[family as usize], || {
        let scene = Scene {
            family,
            way: Way::Routed,
            spots: &[
                tracking::RAW,
                CONNECTION,
                PACKET,
                nat::FORWARD,
                nat::POSTROUTING,
            ],
            rules: &[tracking::rules(), nat::rules(family)].concat(),
            acts: &[
                ("fragments", fragments::send_tracked),
                ("translated flows", nat::send),
                ("untracked flows", tracking::send),
            ],
        };
        scene.play()
    })
}

/// Plays the scene in which a bridge hands clones of packets to the rules.
fn play_bridged(family: Family) -> Result<&'static Played> {
    static RESULTS: Results = [Once::new(), Once::new()];
    once(&RESULTS[family as usize], || {
        let scene = Scene {
            family,
            way: Way::Bridged,
            spots: &[PACKET, fragments::NO_PORTS],
            rules: &[],
            acts: &[("clones", bridged::send)],
        };
        scene.play()
    })
}

/// The packets that our module marked without tracked connections.
pub fn stateless(family: Family) -> Result<&'static BTreeSet<Marked>> {
    Ok(&play_stateless(family)?.rust)
}

/// The packets that our module marked with tracked connections.
pub fn tracked(family: Family) -> Result<&'static BTreeSet<Marked>> {
    Ok(&play_tracked(family)?.rust)
}

/// The packets that our module marked on a bridge.
pub fn bridged(family: Family) -> Result<&'static BTreeSet<Marked>> {
    Ok(&play_bridged(family)?.rust)
}

/// In all scenes, both modules mark the same packets with the same marks: those of `hmark`.
pub fn equal_c(family: Family) -> Result<()> {
    for (name, played) in [
        ("without conntrack", play_stateless(family)?),
        ("with conntrack", play_tracked(family)?),
        ("on a bridge", play_bridged(family)?),
    ] {
        played.check_equal().context(name)?;
        note!(
            "{family}: {} kinds of packets of real stacks {name} marked as by the C module",
            played.rust.len()
        );
    }
    Ok(())
}
