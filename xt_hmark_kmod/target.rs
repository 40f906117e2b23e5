// SPDX-License-Identifier: GPL-2.0-only

//! The HMARK target: a rule is checked once; then each packet gets its mark.

use kernel::prelude::*;

use crate::conntrack;
use crate::hmark::{self, Rule};
use crate::skbuff::SkBuff;
use crate::xtables::{self, Family, Target, Verdict};

/// HMARK for IPv4.
pub(crate) struct HmarkIpv4;

impl Target for HmarkIpv4 {
    const NAME: &'static CStr = c"HMARK";
    const FAMILY: Family = Family::Ipv4;
    type Rule = Rule;

    fn check(rule: &Rule) -> Result {
        check(rule)
    }

    #[inline(always)]
    fn target(skb: &mut SkBuff, rule: &Rule) -> Verdict {
        mark(skb, rule, hmark::mark_ipv4)
    }
}

/// HMARK for IPv6.
#[cfg(CONFIG_IP6_NF_IPTABLES)]
pub(crate) struct HmarkIpv6;

#[cfg(CONFIG_IP6_NF_IPTABLES)]
impl Target for HmarkIpv6 {
    const NAME: &'static CStr = c"HMARK";
    const FAMILY: Family = Family::Ipv6;
    type Rule = Rule;

    fn check(rule: &Rule) -> Result {
        check(rule)
    }

    #[inline(always)]
    fn target(skb: &mut SkBuff, rule: &Rule) -> Verdict {
        mark(skb, rule, hmark::mark_ipv6)
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

/// Marks the packet by its conntrack tuple, or as `walk` does by the packet's own headers.
///
/// A packet that has no conntrack (yet), or that the walk cannot follow, is left alone.
#[inline(always)]
fn mark(
    skb: &mut SkBuff,
    rule: &Rule,
    walk: impl FnOnce(&SkBuff, &Rule) -> Option<u32>,
) -> Verdict {
    let mark = if rule.conntrack() {
        conntrack::connection(skb).map(|connection| hmark::mark_connection(&connection, rule))
    } else {
        walk(skb, rule)
    };
    if let Some(mark) = mark {
        skb.set_mark(mark);
    }
    Verdict::Continue
}
