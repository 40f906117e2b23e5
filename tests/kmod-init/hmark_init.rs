// SPDX-License-Identifier: GPL-2.0-only

//! Targets that exercise the product's netfilter layer, in a module that fails to load where its
//! parameter says: before, between or after its first targets.
//!
//! These targets have names for which iptables has an extension but this kernel has no target, so
//! that stock iptables can make rules with them.

#![deny(clippy::missing_safety_doc, clippy::undocumented_unsafe_blocks)]

use kernel::prelude::*;
use kernel::sync::atomic::{Atomic, Relaxed};

#[path = "../../xt_hmark_kmod/bindings.rs"]
mod bindings;
#[allow(dead_code)]
#[path = "../../xt_hmark_kmod/netfilter/mod.rs"]
mod netfilter;

use netfilter::skbuff::SkBuff;
use netfilter::xtables::{
    ActionParameters, CheckParameters, Hooks, NfProto, Registration, Target, Verdict,
};

module! {
    type: Init,
    name: "hmark_init",
    authors: ["The HMARK in Rust developers"],
    description: "Tries the netfilter layer, or fails to load with targets registered",
    license: "GPL v2",
    params: {
        fail: u32 {
            default: 0,
            description: "Targets that are registered before it fails; 3 and more: it does not fail",
        },
    },
}

const fn nfproto(ipv6: bool) -> NfProto {
    match ipv6 {
        true => NfProto::IPV6,
        false => NfProto::IPV4,
    }
}

/// A target that does nothing.
struct Idle<const IPV6: bool>;

#[vtable]
impl<const IPV6: bool> Target for Idle<IPV6> {
    const NAME: &'static CStr = c"HMARKINIT";
    const FAMILY: NfProto = nfproto(IPV6);
    type Info = u32;
    type Data = ();

    fn check(_: &CheckParameters, _: &u32) -> Result {
        Ok(())
    }

    fn target(_: &SkBuff, _: &ActionParameters, _: &u32, (): ()) -> Verdict {
        Verdict::CONTINUE
    }
}

/// A target that counts a rule's packets in data of the rule's own: `-j LED --led-trigger-id NAME`.
struct Counted<const IPV6: bool>;

/// The number of [`Counter`]s that exist.
static LIVE: Atomic<i32> = Atomic::new(0);

/// The packets of one rule.
struct Counter {
    packets: Atomic<u32>,
    /// The address of the network namespace that the rule was checked in.
    net: usize,
    /// Packets of other namespaces.
    strangers: Atomic<u32>,
}

impl Drop for Counter {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Relaxed);
    }
}

#[vtable]
impl<const IPV6: bool> Target for Counted<IPV6> {
    const NAME: &'static CStr = c"LED";
    const FAMILY: NfProto = nfproto(IPV6);
    /// `struct xt_led_info` up to its pointer: a name of 27 bytes, a flag, and a number.
    type Info = [u8; 32];
    type Data = KBox<Counter>;

    fn check(parameters: &CheckParameters, _: &[u8; 32]) -> Result<KBox<Counter>> {
        pr_info!(
            "check table={} family={} hooks={:#x} nft={}\n",
            parameters.table(),
            parameters.family().0,
            parameters.hooks().0,
            parameters.is_nft_compat(),
        );
        let counter = Counter {
            packets: Atomic::new(0),
            net: parameters.net().addr(),
            strangers: Atomic::new(0),
        };
        let counter = KBox::new(counter, GFP_KERNEL)?;
        LIVE.fetch_add(1, Relaxed);
        Ok(counter)
    }

    fn target(
        _: &SkBuff,
        parameters: &ActionParameters,
        _: &[u8; 32],
        counter: &Counter,
    ) -> Verdict {
        if parameters.net().addr() != counter.net {
            counter.strangers.fetch_add(1, Relaxed);
        }
        if counter.packets.fetch_add(1, Relaxed) == 0 {
            pr_info!(
                "packet hook={} in={} out={} transport={} fragment={}\n",
                parameters.hook(),
                !parameters.in_device().is_null(),
                !parameters.out_device().is_null(),
                parameters.transport_offset(),
                parameters.fragment_offset(),
            );
        }
        Verdict::CONTINUE
    }

    fn destroy(_: &[u8; 32], counter: KBox<Counter>) {
        pr_info!(
            "destroy packets={} strangers={}\n",
            counter.packets.load(Relaxed),
            counter.strangers.load(Relaxed),
        );
    }
}

/// A target only for UDP before routing in the mangle table: `-j TRACE`.
struct Restricted;

#[vtable]
impl Target for Restricted {
    const NAME: &'static CStr = c"TRACE";
    const FAMILY: NfProto = NfProto::IPV4;
    const TABLE: Option<&'static CStr> = Some(c"mangle");
    const HOOKS: Option<Hooks> = Some(Hooks::PRE_ROUTING);
    const PROTOCOL: u16 = 17;
    type Info = [u8; 0];
    type Data = ();

    fn check(_: &CheckParameters, _: &[u8; 0]) -> Result {
        Ok(())
    }

    fn target(_: &SkBuff, _: &ActionParameters, _: &[u8; 0], (): ()) -> Verdict {
        Verdict::CONTINUE
    }
}

#[pin_data(PinnedDrop)]
struct Init {
    before: (),
    #[pin]
    idle4: Registration<Idle<false>>,
    between: (),
    #[pin]
    idle6: Registration<Idle<true>>,
    after: (),
    #[pin]
    counted4: Registration<Counted<false>>,
    #[pin]
    counted6: Registration<Counted<true>>,
    #[pin]
    restricted: Registration<Restricted>,
}

impl kernel::InPlaceModule for Init {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            before: fail_after(0)?,
            idle4 <- Registration::new(module),
            between: fail_after(1)?,
            idle6 <- Registration::new(module),
            after: fail_after(2)?,
            counted4 <- Registration::new(module),
            counted6 <- Registration::new(module),
            restricted <- Registration::new(module),
        })
    }
}

#[pinned_drop]
impl PinnedDrop for Init {
    fn drop(self: Pin<&mut Self>) {
        pr_info!("unload live={}\n", LIVE.load(Relaxed));
    }
}

/// Fails with an error that nothing else returns, if loading is to fail after this number of
/// targets.
fn fail_after(targets: u32) -> Result {
    if module_parameters::fail.value() == targets {
        return Err(ERANGE);
    }
    Ok(())
}
