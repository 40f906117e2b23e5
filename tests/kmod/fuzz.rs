// SPDX-License-Identifier: GPL-2.0-only

//! `hmark_fuzz`: gives random packets and rules to our target and to a reference, in one kernel, and
//! compares the results: revision 0 with the kernel's own C target, revision 1 with the naive
//! implementation, which is part of this. It runs while it loads, and fails to load if they differ.
//!
//! The program `hmark-fuzz` prepares both targets, loads this, and reads its report from the kernel
//! log.

#![deny(clippy::missing_safety_doc, clippy::undocumented_unsafe_blocks)]

use kernel::prelude::*;

// The product's file, with the bindings that this module's own lists ask for.
#[path = "../../xt_hmark_kmod/bindings.rs"]
mod bindings;
mod case;
mod conntrack;
mod reference;
mod report;
// Included for its rules and families: the rest is not used here.
#[allow(dead_code, unreachable_pub, unused_imports)]
#[path = "../../hmark/src/lib.rs"]
mod hmark;
// These are for user space, too: not all of them is used here.
#[allow(dead_code, unreachable_pub, unused_imports)]
#[path = "../naive/src/lib.rs"]
mod naive;
#[allow(dead_code, unreachable_pub, unused_imports)]
#[path = "../packets/src/lib.rs"]
mod packets;
mod skb;
// Not all of it is used here.
#[allow(dead_code)]
mod targets;

use hmark::{rule, Family};

module! {
    type: Fuzz,
    name: "hmark_fuzz",
    authors: ["The HMARK in Rust developers"],
    description: "Compares the HMARK targets in C and Rust",
    license: "GPL v2",
    params: {
        case: u64 {
            default: 0,
            description: "Number of the first case; those that follow have the next ones",
        },
        packets: u64 {
            default: 1,
            description: "How many packets to compare of each revision, at least: cases are run to their end",
        },
    },
}

/// The loaded module, which has nothing left to do: all is compared while it loads.
struct Fuzz;

impl kernel::Module for Fuzz {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let mut cases = KBox::new(case::Cases::new()?, GFP_KERNEL)?;
        let mut number = module_parameters::case.value();
        let packets = module_parameters::packets.value();
        let mut differ = false;
        while cases.packets() < packets && !differ {
            differ = cases.run(number)?;
            number = number.wrapping_add(1);
        }
        report::count(0, &cases.v0.count);
        report::count(1, &cases.v1.count);
        match differ {
            true => Err(EBADMSG),
            false => Ok(Self),
        }
    }
}
