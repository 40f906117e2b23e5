// SPDX-License-Identifier: GPL-2.0-only

//! The scenes that all tests here share: without conntrack in the router, with it, and with a bridge
//! in the router's place.

use std::collections::BTreeSet;

use anyhow::{anyhow, Context, Result};
use testbed::family::Family;
use testbed::kernel;
use testbed::note;
use testbed::once::{once, Once};
use testbed::side::Side;

use super::network::Way;
use super::watch::{Marked, Played, Scene, Spot};
use super::{bridged, errors, fragments, ipsec, nat, programs, sctp, tracking};
use crate::prediction::Compared;

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

/// The number of a scene's captures, and what was compared of them with the operator's tool; or a difference.
type Predicted = Result<(usize, Compared), String>;

/// What was seen in a scene, and what the operator's tool predicted of it.
type Performance = (Played, Predicted);

/// The results of a scene, for each family.
type Results = [Once<Performance>; 2];

/// Plays the scene in which no connections are tracked.
fn play_stateless(family: Family) -> Result<&'static Performance> {
    static RESULTS: Results = [Once::new(), Once::new()];
    once(&RESULTS[family as usize], || {
        let scene = Scene {
            family,
            way: Way::Routed,
            spots: &[PACKET, fragments::NO_PORTS, ipsec::SPI, ipsec::MASKED],
            rules: &[],
            acts: &[
                ("fragments", fragments::send_stateless),
                ("SCTP", sctp::send),
                ("IPsec", ipsec::send),
                // Last, since it makes a link narrow.
                ("ICMP errors", errors::cause),
            ],
            least_told: 100,
        };
        play(&scene)
    })
}

/// Plays the scene in which connections are tracked, and some translated.
fn play_tracked(family: Family) -> Result<&'static Performance> {
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
            // Of a router that translates, the tool knows the first packets' connections, and those that have
            // none.
            least_told: 33,
        };
        play(&scene)
    })
}

/// Plays the scene in which a bridge hands clones of packets to the rules.
fn play_bridged(family: Family) -> Result<&'static Performance> {
    static RESULTS: Results = [Once::new(), Once::new()];
    once(&RESULTS[family as usize], || {
        let scene = Scene {
            family,
            way: Way::Bridged,
            spots: &[PACKET, fragments::NO_PORTS],
            rules: &[],
            acts: &[("clones", bridged::send)],
            least_told: 100,
        };
        play(&scene)
    })
}

/// Plays a scene with each module, and compares what the operator's tool says of its packets. The result of
/// that is kept for [`equal_prediction`].
fn play(scene: &Scene) -> Result<Performance> {
    let played = scene.play()?;
    let predicted = scene.check_predicted(&played.recorded);
    Ok((played, predicted.map_err(|error| format!("{error:#}"))))
}

/// In all scenes, the operator's tool predicts the marks that our module gave, and in two with real programs:
/// by rules of both revisions, and by the programs' connections.
pub fn equal_prediction(family: Family) -> Result<()> {
    let (mut captures, mut all) = (0, Compared::default());
    let mut add = |(number, compared)| {
        captures += number;
        all.add(compared);
    };
    for (name, (_, predicted)) in [
        ("without conntrack", play_stateless(family)?),
        ("with conntrack", play_tracked(family)?),
        ("on a bridge", play_bridged(family)?),
    ] {
        let predicted = predicted
            .clone()
            .map_err(|error| anyhow!("{name}: {error}"));
        add(predicted?);
    }
    // The guest of the stock kernel has no module of most tunnels, which come last.
    let acts = match kernel::is_uml() {
        true => &programs::ACTS[..],
        false => &programs::ACTS[..programs::ACTS.len() - 1],
    };
    for (name, scene) in [
        (
            "programs",
            Scene {
                family,
                way: Way::Routed,
                spots: &[PACKET, programs::GROWN, programs::KEYED, programs::INNER],
                rules: &[],
                acts,
                least_told: 100,
            },
        ),
        (
            "programs with conntrack",
            Scene {
                family,
                way: Way::Routed,
                spots: &[CONNECTION, programs::OPENER],
                rules: &tracking::rules(),
                acts: &programs::ACTS[..programs::TRACKED],
                // A reset of TCP leaves open what follows.
                least_told: 95,
            },
        ),
    ] {
        let recorded = scene.record(Side::Ours).context(name)?;
        add(scene.check_predicted(&recorded).context(name)?);
    }
    note!("{family}: {captures} captures of real stacks and programs marked as the operator's tool says: {all}");
    Ok(())
}

/// The packets that our module marked without tracked connections.
pub fn stateless(family: Family) -> Result<&'static BTreeSet<Marked>> {
    Ok(&play_stateless(family)?.0.rust)
}

/// The packets that our module marked with tracked connections.
pub fn tracked(family: Family) -> Result<&'static BTreeSet<Marked>> {
    Ok(&play_tracked(family)?.0.rust)
}

/// The packets that our module marked on a bridge.
pub fn bridged(family: Family) -> Result<&'static BTreeSet<Marked>> {
    Ok(&play_bridged(family)?.0.rust)
}

/// In all scenes, both modules mark the same packets with the same marks: those of `hmark`.
pub fn equal_c(family: Family) -> Result<()> {
    for (name, (played, _)) in [
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
