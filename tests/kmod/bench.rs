// SPDX-License-Identifier: GPL-2.0-only

//! `hmark_bench`: the time per packet of the kernel's own C target, of ours, and of a target that
//! only hashes, in turn and in one kernel. It measures while it loads, and logs the results.
//!
//! The program `hmark-bench` prepares both targets, loads this, and reads the log.

// The hash is there once with `hmark`, and once without the rest of it.
#![allow(clippy::duplicate_mod)]
#![deny(clippy::missing_safety_doc, clippy::undocumented_unsafe_blocks)]

use kernel::prelude::*;

// The product's file, with the bindings that this module's own lists ask for.
#[path = "../../xt_hmark_kmod/bindings.rs"]
mod bindings;
mod conntrack;
// The product's hash and bucket without the rest, which are the least that a target can do.
#[allow(unreachable_pub)]
#[path = "../../hmark/src/hash/lookup3.rs"]
mod lookup3;
mod measure;
#[allow(unreachable_pub)]
#[path = "../../hmark/src/bucket/scale.rs"]
mod scale;
// Included for its rules and families: the rest is not used here.
#[allow(dead_code, unreachable_pub, unused_imports)]
#[path = "../../hmark/src/lib.rs"]
mod hmark;
// This is for user space, too: not all of it is used here.
#[allow(dead_code, unreachable_pub, unused_imports)]
#[path = "../packets/src/lib.rs"]
mod packets;
#[allow(dead_code)]
mod skb;
#[allow(dead_code)]
mod targets;

use hmark::{rule, Family};
use packets::kinds::KINDS;

module! {
    type: Bench,
    name: "hmark_bench",
    authors: ["The HMARK in Rust developers"],
    description: "Measures the HMARK targets in C and Rust",
    license: "GPL v2",
    params: {
        kind: u32 {
            default: 0,
            description: "Which kind of packet to measure",
        },
        rounds: u32 {
            default: 1,
            description: "How often; a round before is not counted",
        },
        packets: u32 {
            default: 16_384,
            description: "Packets that each target is given in a round, at least",
        },
    },
}

/// The loaded module, which has nothing left to do: all is measured while it loads.
struct Bench;

impl kernel::Module for Bench {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let kind = module_parameters::kind.value() as usize;
        let kind = KINDS.get(kind).ok_or(EINVAL)?;
        pr_info!("kind name={} kinds={}\n", kind.name, KINDS.len());
        let mut flows = measure::Flows::new(kind)?;
        for round in 0..=module_parameters::rounds.value() {
            let times = flows.measure(round, module_parameters::packets.value());
            if round > 0 {
                pr_info!("measured {times}\n");
            }
        }
        Ok(Self)
    }
}
