// SPDX-License-Identifier: GPL-2.0-only

//! The HMARK target: a rule is checked once; then each packet gets its mark.

use core::hint::black_box;

use kernel::prelude::*;

use crate::conntrack;
use crate::hmark::{self, Packet, Rule};
use crate::skbuff::SkBuff;
use crate::xtables::{self, Family, Target, Verdict};

/// HMARK for IPv4.
pub(crate) struct HmarkIpv4;

#[vtable]
impl Target for HmarkIpv4 {
    const NAME: &'static CStr = c"HMARK";
    const FAMILY: Family = Family::Ipv4;
    type Rule = Rule;

    fn check(rule: &Rule) -> Result {
        check(rule)
    }

    #[inline(always)]
    fn target(skb: &mut SkBuff, rule: &Rule) -> Verdict {
        mark::<Self>(skb, rule)
    }
}

/// HMARK for IPv6.
#[cfg(CONFIG_IP6_NF_IPTABLES)]
pub(crate) struct HmarkIpv6;

#[cfg(CONFIG_IP6_NF_IPTABLES)]
#[vtable]
impl Target for HmarkIpv6 {
    const NAME: &'static CStr = c"HMARK";
    const FAMILY: Family = Family::Ipv6;
    type Rule = Rule;

    fn check(rule: &Rule) -> Result {
        check(rule)
    }

    #[inline(always)]
    fn target(skb: &mut SkBuff, rule: &Rule) -> Verdict {
        mark::<Self>(skb, rule)
    }
}

/// Refuses what contradicts itself, and says why in the kernel log.
fn check(rule: &Rule) -> Result {
    rule.check().map_err(|refusal| {
        if xtables::may_log() {
            pr_info!("{}\n", refusal.message());
        }
        EINVAL
    })
}

/// The walks over the headers of a family's packets.
trait Walk {
    /// Over those of the packets that most are.
    fn walk_plain<P: Packet + ?Sized>(packet: &P, rule: &Rule) -> Option<u32>;

    /// Over those of any packet.
    fn walk<P: Packet + ?Sized>(packet: &P, rule: &Rule) -> Option<u32>;
}

impl Walk for HmarkIpv4 {
    #[inline(always)]
    fn walk_plain<P: Packet + ?Sized>(packet: &P, rule: &Rule) -> Option<u32> {
        hmark::mark_plain_ipv4(packet, rule)
    }

    #[inline(always)]
    fn walk<P: Packet + ?Sized>(packet: &P, rule: &Rule) -> Option<u32> {
        hmark::mark_ipv4(packet, rule)
    }
}

#[cfg(CONFIG_IP6_NF_IPTABLES)]
impl Walk for HmarkIpv6 {
    #[inline(always)]
    fn walk_plain<P: Packet + ?Sized>(packet: &P, rule: &Rule) -> Option<u32> {
        hmark::mark_plain_ipv6(packet, rule)
    }

    #[inline(always)]
    fn walk<P: Packet + ?Sized>(packet: &P, rule: &Rule) -> Option<u32> {
        hmark::mark_ipv6(packet, rule)
    }
}

/// Marks the packet by its conntrack tuple, or by its own headers.
///
/// A packet that has no conntrack (yet), or that the walk cannot follow, is left alone. Each kind of
/// packet has a function of its own, to which the one before jumps: none has more on its stack than
/// it needs itself.
#[inline(always)]
fn mark<W: Walk>(skb: &mut SkBuff, rule: &Rule) -> Verdict {
    if rule.conntrack() {
        mark_by_connection(skb, rule)
    } else if skb.is_paged() {
        mark_paged::<W>(skb, rule)
    } else {
        mark_plain::<W>(skb, rule)
    }
}

#[inline(never)]
fn mark_by_connection(skb: &mut SkBuff, rule: &Rule) -> Verdict {
    let connection = conntrack::connection(skb);
    let mark = connection.map(|connection| hmark::mark_connection(&connection, rule));
    opaque(set(skb, mark))
}

#[inline(always)]
fn mark_plain<W: Walk>(skb: &mut SkBuff, rule: &Rule) -> Verdict {
    match W::walk_plain(skb.linear(), rule) {
        Some(mark) => set(skb, Some(mark)),
        None => mark_any::<W>(skb, rule),
    }
}

#[inline(never)]
fn mark_any<W: Walk>(skb: &mut SkBuff, rule: &Rule) -> Verdict {
    let mark = W::walk(skb.linear(), rule);
    opaque(set(skb, mark))
}

#[inline(never)]
fn mark_paged<W: Walk>(skb: &mut SkBuff, rule: &Rule) -> Verdict {
    match W::walk_plain(&skb.headers(), rule) {
        Some(mark) => set(skb, Some(mark)),
        None => mark_any_paged::<W>(skb, rule),
    }
}

#[inline(never)]
fn mark_any_paged<W: Walk>(skb: &mut SkBuff, rule: &Rule) -> Verdict {
    let mark = W::walk(&skb.headers(), rule);
    opaque(set(skb, mark))
}

#[inline(always)]
fn set(skb: &mut SkBuff, mark: Option<u32>) -> Verdict {
    if let Some(mark) = mark {
        skb.set_mark(mark);
    }
    Verdict::CONTINUE
}

/// Hides from the compiler that the verdict is always the same: functions before this one would
/// return it themselves, and could not end in a jump.
#[inline(always)]
fn opaque(verdict: Verdict) -> Verdict {
    black_box(verdict)
}
