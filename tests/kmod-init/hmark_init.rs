// SPDX-License-Identifier: GPL-2.0-only

//! A module that fails to load where its parameter says: before, between and behind its targets.
//!
//! Its targets are registered by the product's own layer, which has to unregister them then.

#![deny(clippy::missing_safety_doc, clippy::undocumented_unsafe_blocks)]

use kernel::prelude::*;

#[path = "../../xt_hmark_kmod/bindings.rs"]
mod bindings;
#[allow(dead_code, unreachable_pub, unused_imports)]
#[path = "../../hmark/src/lib.rs"]
mod hmark;
#[allow(dead_code)]
#[path = "../../xt_hmark_kmod/skbuff.rs"]
mod skbuff;
#[allow(dead_code)]
#[path = "../../xt_hmark_kmod/xtables.rs"]
mod xtables;

use skbuff::SkBuff;
use xtables::{Family, Registration, Target, Verdict};

module! {
    type: Init,
    name: "hmark_init",
    authors: ["The HMARK in Rust developers"],
    description: "Fails to load, with targets registered",
    license: "GPL v2",
    params: {
        fail: u32 {
            default: 0,
            description: "Targets that are registered before it fails; 3 and more: it does not fail",
        },
    },
}

/// A target that does nothing.
struct Idle<const IPV6: bool>;

#[vtable]
impl<const IPV6: bool> Target for Idle<IPV6> {
    const NAME: &'static CStr = c"HMARKINIT";
    const FAMILY: Family = if IPV6 { Family::Ipv6 } else { Family::Ipv4 };
    type Rule = u32;

    fn check(_rule: &u32) -> Result {
        Ok(())
    }

    fn target(_skb: &mut SkBuff, _rule: &u32) -> Verdict {
        Verdict::CONTINUE
    }

    fn destroy(_rule: &u32) {}
}

#[pin_data]
struct Init {
    before: (),
    #[pin]
    ipv4: Registration<Idle<false>>,
    between: (),
    #[pin]
    ipv6: Registration<Idle<true>>,
    behind: (),
}

impl kernel::InPlaceModule for Init {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            before: fail_after(0)?,
            ipv4 <- Registration::new(module),
            between: fail_after(1)?,
            ipv6 <- Registration::new(module),
            behind: fail_after(2)?,
        })
    }
}

/// Fails with an error that nothing else gives, if it is to fail after so many targets.
fn fail_after(targets: u32) -> Result {
    if module_parameters::fail.value() == targets {
        return Err(ERANGE);
    }
    Ok(())
}
