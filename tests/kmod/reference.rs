// SPDX-License-Identifier: GPL-2.0-only

//! What our target is compared with: for revision 0 the kernel's own target, for revision 1, which C
//! does not have, the naive implementation.

use kernel::ffi::c_int;
use kernel::prelude::*;

use crate::naive;
use crate::packets::{generate, wire, Bytes, Conntrack, Random};
use crate::rule::{v0, v1};
use crate::skb::Skb;
use crate::targets::{Entry, Hook, Revision, Softirq, Target, CONTINUE};
use crate::Family;

/// A revision of which random rules, and packets for them, can be made.
pub(crate) trait Generated: Revision + Copy {
    /// A valid rule that tells packets apart.
    const SHARP: Self;

    /// Makes a rule, which may have to be refused.
    fn random(random: &mut Random) -> Self;

    /// Makes a packet.
    fn packet(family: Family, bytes: &mut Bytes, random: &mut Random);

    /// The random numbers of a case: those of one revision are unrelated to those of another.
    fn numbers(case: u64) -> Random {
        Random::new(case ^ u64::from(Self::NUMBER).rotate_right(1))
    }
}

impl Generated for v0::Info {
    const SHARP: Self = generate::sharp_rule();

    fn random(random: &mut Random) -> Self {
        generate::rule(random)
    }

    fn packet(family: Family, bytes: &mut Bytes, random: &mut Random) {
        generate::packet(family, bytes, random);
    }
}

impl Generated for v1::Info {
    const SHARP: Self = generate::sharp_rule_v1();

    fn random(random: &mut Random) -> Self {
        generate::rule_v1(random)
    }

    fn packet(family: Family, bytes: &mut Bytes, random: &mut Random) {
        generate::packet_v1(family, bytes, random);
    }
}

/// The right answers for rules of one revision.
pub(crate) trait Reference<R>: Sized {
    /// Its name in reports.
    const NAME: &'static str;

    /// That of a family.
    fn find(family: Family) -> Result<Self>;

    /// The answer to a new rule: 0 or an error.
    fn check(&self, entry: &mut Entry<R>) -> c_int;

    /// Gives it a packet, whose bytes are also in `skb` with the mark that it had before. Returns the
    /// verdict, and leaves the new mark in `skb`.
    fn hand_to(
        &self,
        context: &Softirq,
        entry: &Entry<R>,
        packet: &[u8],
        conntrack: &Conntrack,
        skb: &mut Skb,
    ) -> u32;

    /// Whether the packet inside a tunnel's packet is hashed.
    fn looks_inside(&self, entry: &Entry<R>, packet: &[u8]) -> bool;
}

/// The kernel's own.
impl Reference<v0::Info> for Target<v0::Info> {
    const NAME: &'static str = "C";

    fn find(family: Family) -> Result<Self> {
        // The name that `hmark-fuzz` gives the target of the C module.
        Target::find(c"CMARK", family)
    }

    fn check(&self, entry: &mut Entry<v0::Info>) -> c_int {
        Target::check(self, entry)
    }

    #[inline(always)]
    fn hand_to(
        &self,
        context: &Softirq,
        entry: &Entry<v0::Info>,
        _packet: &[u8],
        _conntrack: &Conntrack,
        skb: &mut Skb,
    ) -> u32 {
        self.with(&Hook::new(), entry).call(context, skb)
    }

    fn looks_inside(&self, _entry: &Entry<v0::Info>, _packet: &[u8]) -> bool {
        false
    }
}

/// The naive implementation, by rules of a family.
pub(crate) struct Naive(naive::Family);

impl Naive {
    fn rule(entry: &Entry<v1::Info>) -> naive::Rule {
        naive::Rule::v1(&wire::rule_v1(&entry.0))
    }
}

impl Reference<v1::Info> for Naive {
    const NAME: &'static str = "naive";

    fn find(family: Family) -> Result<Self> {
        Ok(Self(match family {
            Family::Ipv4 => naive::Family::Ipv4,
            Family::Ipv6 => naive::Family::Ipv6,
        }))
    }

    fn check(&self, entry: &mut Entry<v1::Info>) -> c_int {
        match Self::rule(entry).is_accepted() {
            true => 0,
            false => EINVAL.to_errno(),
        }
    }

    fn hand_to(
        &self,
        _context: &Softirq,
        entry: &Entry<v1::Info>,
        packet: &[u8],
        conntrack: &Conntrack,
        skb: &mut Skb,
    ) -> u32 {
        let rule = Self::rule(entry);
        let old = skb.mark();
        let mark = match rule.hashes_connection() {
            true => connection(conntrack)
                .and_then(|connection| naive::mark_connection(&connection, &rule, old)),
            false => naive::mark(self.0, packet, &rule, old),
        };
        skb.set_mark(mark.unwrap_or(old));
        CONTINUE
    }

    fn looks_inside(&self, entry: &Entry<v1::Info>, packet: &[u8]) -> bool {
        let rule = Self::rule(entry);
        let found = naive::find(self.0, packet, &rule);
        !rule.hashes_connection() && matches!(found, naive::Found::Tuple(place) if place.inner)
    }
}

/// The packet's entry, if the kernel has conntrack.
fn connection(conntrack: &Conntrack) -> Option<naive::Connection> {
    let ends = conntrack.ends.filter(|_| cfg!(CONFIG_NF_CONNTRACK))?;
    let [original, _] = ends;
    Some(naive::Connection {
        l3num: original.l3num,
        addresses: ends.map(|end| wire::address(end.address)),
        ports: ends.map(|end| end.port.to_ne_bytes()),
        protocol: original.protocol,
    })
}
