// SPDX-License-Identifier: GPL-2.0-only

//! HMARK: an xtables target that sets the packet mark from a hash of addresses, ports and protocol.
//!
//! Every packet takes the same path: [`netfilter`] passes it with a rule to the [`target`], which
//! has [`hmark`] compute the mark from the packet or from its connection, and sets it.

// xt_HMARK is the name that iptables asks for, and that rules in the field refer to.
#![allow(non_snake_case)]
#![deny(clippy::missing_safety_doc, clippy::undocumented_unsafe_blocks)]

use kernel::prelude::*;

mod bindings;
// This is a crate of its own in user space: not all of it is used here.
#[allow(dead_code, unreachable_pub, unused_imports)]
#[path = "../hmark/src/lib.rs"]
mod hmark;
// This is for other targets, too: not all of it is used here.
#[allow(dead_code)]
mod netfilter;
mod rule;
mod target;

use hmark::rule::{v0, v1};
use netfilter::xtables::Registration;
use target::Hmark;

module! {
    type: Module,
    name: "xt_HMARK",
    authors: ["The HMARK in Rust developers"],
    description: "Xtables: packet marking by hash, in Rust",
    license: "GPL v2",
    alias: ["ipt_HMARK", "ip6t_HMARK"],
}

/// The version that modinfo shows, for which `module!` has no key; Kbuild takes it from Cargo.toml.
const VERSION: &str = concat!("version=", env!("XT_HMARK_VERSION"), "\0");

// With plain `used`, newer versions of rustc put this into a second section of that name, and no
// kernel loads such a module.
#[used(compiler)]
#[link_section = ".modinfo"]
static MODINFO_VERSION: [u8; VERSION.len()] = match VERSION.as_bytes().first_chunk() {
    Some(bytes) => *bytes,
    None => unreachable!(),
};

/// The module: a registered target for each family and revision, unregistered on unload or when
/// loading fails.
#[pin_data]
struct Module {
    #[pin]
    ipv4_v0: Registration<Hmark<target::Ipv4, v0::Info>>,
    #[pin]
    ipv4_v1: Registration<Hmark<target::Ipv4, v1::Info>>,
    #[cfg(CONFIG_IP6_NF_IPTABLES)]
    #[pin]
    ipv6_v0: Registration<Hmark<target::Ipv6, v0::Info>>,
    #[cfg(CONFIG_IP6_NF_IPTABLES)]
    #[pin]
    ipv6_v1: Registration<Hmark<target::Ipv6, v1::Info>>,
}

impl kernel::InPlaceModule for Module {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            ipv4_v0 <- Registration::new(module),
            ipv4_v1 <- Registration::new(module),
            #[cfg(CONFIG_IP6_NF_IPTABLES)]
            ipv6_v0 <- Registration::new(module),
            #[cfg(CONFIG_IP6_NF_IPTABLES)]
            ipv6_v1 <- Registration::new(module),
        })
    }
}
