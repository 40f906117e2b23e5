// SPDX-License-Identifier: GPL-2.0-only

//! HMARK: an xtables target that sets the packet mark by a hash of addresses, ports and protocol.
//!
//! One way of a packet: [`xtables`] hands an [`skbuff::SkBuff`] and a rule to the [`target`],
//! which has [`hmark`] read the packet, or takes its [`conntrack`] tuple, and sets the mark.

// The name that iptables asks for, and that rules in the field refer to.
#![allow(non_snake_case)]
#![deny(clippy::missing_safety_doc, clippy::undocumented_unsafe_blocks)]

use kernel::prelude::*;

mod bindings;
mod conntrack;
// A crate of its own in user space: not all of it is used here.
#[allow(dead_code, unreachable_pub)]
#[path = "../hmark/src/lib.rs"]
mod hmark;
mod rule;
mod skbuff;
mod target;
mod xtables;

module! {
    type: Hmark,
    name: "xt_HMARK",
    authors: ["The HMARK in Rust developers"],
    description: "Xtables: packet marking by hash, in Rust",
    license: "GPL v2",
    alias: ["ipt_HMARK", "ip6t_HMARK"],
}

/// What modinfo says, for which `module!` has no key; Kbuild takes it from Cargo.toml.
const VERSION: &str = concat!("version=", env!("XT_HMARK_VERSION"), "\0");

// Plain `used`, of newer rustc, would keep it in a section apart, and modules have one.
#[used(compiler)]
#[link_section = ".modinfo"]
static MODINFO_VERSION: [u8; VERSION.len()] = match VERSION.as_bytes().first_chunk() {
    Some(bytes) => *bytes,
    None => unreachable!(),
};

/// The module: one registered target a family, unregistered on unload or a failed load.
#[pin_data]
struct Hmark {
    #[pin]
    ipv4: xtables::Registration<target::HmarkIpv4>,
    #[cfg(CONFIG_IP6_NF_IPTABLES)]
    #[pin]
    ipv6: xtables::Registration<target::HmarkIpv6>,
}

impl kernel::InPlaceModule for Hmark {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            ipv4 <- xtables::Registration::new(module),
            #[cfg(CONFIG_IP6_NF_IPTABLES)]
            ipv6 <- xtables::Registration::new(module),
        })
    }
}
