// SPDX-License-Identifier: GPL-2.0-only

//! The HMARK target: a rule is checked before it is installed; then each packet gets its mark.

use core::marker::PhantomData;

use kernel::prelude::*;
use kernel::transmute::FromBytes;

use crate::hmark::rule::{v0, v1, Rule};
use crate::hmark::{self, Connection, Ends, Family, Packet};
use crate::netfilter::conntrack;
use crate::netfilter::ratelimit::RateLimit;
use crate::netfilter::skbuff::SkBuff;
use crate::netfilter::xtables::{ActionParameters, CheckParameters, NfProto, Target, Verdict};

/// HMARK for one family and one revision of the rule.
pub(crate) struct Hmark<F, R>(PhantomData<(F, R)>);

/// A family whose rules may use HMARK.
pub(crate) trait ForFamily {
    const FAMILY: Family;
    const NFPROTO: NfProto;
}

/// For rules of iptables.
pub(crate) struct Ipv4;

impl ForFamily for Ipv4 {
    const FAMILY: Family = Family::Ipv4;
    const NFPROTO: NfProto = NfProto::IPV4;
}

/// For rules of ip6tables.
#[cfg(CONFIG_IP6_NF_IPTABLES)]
pub(crate) struct Ipv6;

#[cfg(CONFIG_IP6_NF_IPTABLES)]
impl ForFamily for Ipv6 {
    const FAMILY: Family = Family::Ipv6;
    const NFPROTO: NfProto = NfProto::IPV6;
}

/// A layout of the rule as iptables passes it.
pub(crate) trait Revision: Rule + FromBytes + Sync + 'static {
    const NUMBER: u8;
}

impl Revision for v0::Info {
    const NUMBER: u8 = 0;
}

impl Revision for v1::Info {
    const NUMBER: u8 = 1;
}

/// The limit on the messages about refused rules.
static REFUSALS: RateLimit = RateLimit::new();

#[vtable]
impl<F: ForFamily, R: Revision> Target for Hmark<F, R> {
    const NAME: &'static CStr = c"HMARK";
    const FAMILY: NfProto = F::NFPROTO;
    const REVISION: u8 = R::NUMBER;
    type Info = R;
    type Data = ();

    /// Refuses a rule that contradicts itself, and says why in the kernel log.
    fn check(_: &CheckParameters, rule: &R) -> Result {
        rule.check().map_err(|refusal| {
            if REFUSALS.allows() {
                pr_info!("{}\n", refusal.message());
            }
            EINVAL
        })
    }

    #[inline(always)]
    fn target(skb: &SkBuff, _: &ActionParameters, rule: &R, (): ()) -> Verdict {
        hmark::mark_then(F::FAMILY, skb, rule, |skb, mark| {
            if let Some(mark) = mark {
                skb.set_mark(mark);
            }
        });
        Verdict::CONTINUE
    }
}

impl Packet for SkBuff {
    #[inline(always)]
    fn mark(&self) -> u32 {
        SkBuff::mark(self)
    }

    #[inline(always)]
    fn end(&self) -> u32 {
        self.network_len()
    }

    #[inline(always)]
    fn is_linear(&self) -> bool {
        !self.is_nonlinear()
    }

    #[inline(always)]
    fn in_place<const N: usize>(&self, offset: u32) -> Option<&[u8; N]> {
        self.linear(offset)
    }

    #[inline(always)]
    fn copy<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        SkBuff::copy(self, offset)
    }

    #[inline(always)]
    fn connection(&self) -> Option<Connection> {
        let connection = conntrack::Connection::of(self)?;
        let (original, reply) = (connection.original(), connection.reply());
        let ends = match Family::from_nfproto(original.l3num()) {
            Some(Family::Ipv4) => Ends::Ipv4 {
                original: original.src_ip(),
                reply: reply.src_ip(),
            },
            Some(Family::Ipv6) => Ends::Ipv6 {
                original: original.src_ip6(),
                reply: reply.src_ip6(),
            },
            None => Ends::None,
        };
        Some(Connection {
            ends,
            protocol: original.protonum(),
            original_port: original.src_port(),
            reply_port: reply.src_port(),
        })
    }
}
