// SPDX-License-Identifier: GPL-2.0-only

//! A case: everything that is generated from one number. This is a packet, a few rules for it, and
//! many presentations of it to both targets: cut off anywhere, and in all layouts.

use core::ops::ControlFlow;

use kernel::prelude::*;

use crate::packets::{generate, Bytes, Conntrack, Layout, Random};
use crate::rule::v0::Info;
use crate::skb::{Fields, Skb};
use crate::targets::{softirq, Entry, Hook, Softirq, Target};
use crate::Family;

/// Rules for one packet.
const RULES: usize = 4;

/// Number of presentations between two points where another task may have this CPU.
const BATCH: usize = 64;

/// Length without the first header of the longest packet that is cut off and split at every byte.
const CUTS: usize = 250;

/// Number of times that any other packet is cut off and split.
const FEW: usize = 24;

/// The target in the kernel's own C, and in Rust.
struct Pair {
    c: Target<Info>,
    rust: Target<Info>,
}

impl Pair {
    fn find(family: Family) -> Result<Self> {
        Ok(Self {
            // The name that `hmark-fuzz` gives the target of the C module.
            c: Target::find(c"CMARK", family)?,
            rust: Target::find(c"HMARK", family)?,
        })
    }
}

/// The amount compared so far.
#[derive(Default)]
pub(crate) struct Count {
    /// Times that both targets were given the same sk_buff and rule.
    pub(crate) packets: u64,
    /// Packets from which these were made.
    pub(crate) bases: u64,
    /// Rules that both were asked about.
    pub(crate) rules: u64,
    /// Rules that both refused.
    pub(crate) refused: u64,
    /// Times that both left the mark alone.
    pub(crate) unmarked: u64,
}

/// The result of a target for a packet.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) verdict: u32,
    pub(crate) mark: u32,
    /// Whether it left alone the packet's bytes, and all of the sk_buff but the mark.
    pub(crate) intact: bool,
}

/// A difference between the two targets.
pub(crate) enum Mismatch {
    /// In their answer to a rule.
    Check { rule: Info, c: i32, rust: i32 },
    /// In what they did to a packet.
    Packet {
        rule: Info,
        layout: Layout,
        conntrack: Conntrack,
        /// The mark before.
        before: u32,
        c: Outcome,
        rust: Outcome,
    },
    /// A target wrote to the packet outside of the linear part.
    Bytes,
}

/// The targets and buffers that all cases use.
pub(crate) struct Cases {
    /// One for each family that the kernel has.
    pairs: KVec<(Family, Pair)>,
    skb: Skb,
    /// The packet of the last case.
    pub(crate) bytes: KBox<Bytes>,
    pub(crate) count: Count,
}

impl Cases {
    pub(crate) fn new() -> Result<Self> {
        let mut pairs = KVec::new();
        for family in Family::ALL {
            if family == Family::Ipv4 || cfg!(CONFIG_IP6_NF_IPTABLES) {
                pairs.push((family, Pair::find(family)?), GFP_KERNEL)?;
            }
        }
        Ok(Self {
            pairs,
            skb: Skb::new()?,
            bytes: KBox::new(Bytes::default(), GFP_KERNEL)?,
            count: Count::default(),
        })
    }

    /// Runs the case of this number, until the targets differ.
    pub(crate) fn run(&mut self, number: u64) -> Result<Option<Mismatch>> {
        let mut random = Random::new(number);
        let (family, pair) = &self.pairs[random.below(self.pairs.len())];

        let mut rules = [const { Entry(generate::sharp_rule()) }; RULES];
        for entry in &mut rules[1..] {
            let mut rule = Entry(generate::rule(&mut random));
            let (c, rust) = (pair.c.check(&mut rule), pair.rust.check(&mut rule));
            self.count.rules += 1;
            if c != rust {
                let rule = rule.0;
                return Ok(Some(Mismatch::Check { rule, c, rust }));
            }
            match c {
                0 => *entry = rule,
                _ => self.count.refused += 1,
            }
        }

        generate::packet(*family, &mut self.bytes, &mut random);
        let conntrack = Conntrack::random(*family, &mut random);
        self.skb.load(self.bytes.as_slice())?;
        self.skb.set_conntrack(&conntrack);
        self.count.bases += 1;

        let mut presenter = Presenter {
            pair,
            rules: &rules,
            packet: self.bytes.as_slice(),
            conntrack,
            before: random.u32(),
            skb: &mut self.skb,
            count: &mut self.count,
        };
        let found = presenter.run(*family, &mut random).break_value();
        let found = found.map(|mismatch| presenter.shorten(*family, mismatch));
        match found {
            None if !self.skb.is_loaded(self.bytes.as_slice()) => Ok(Some(Mismatch::Bytes)),
            found => Ok(found),
        }
    }
}

/// Gives one packet to both targets repeatedly.
struct Presenter<'a> {
    pair: &'a Pair,
    rules: &'a [Entry<Info>; RULES],
    packet: &'a [u8],
    conntrack: Conntrack,
    before: u32,
    skb: &'a mut Skb,
    count: &'a mut Count,
}

impl Presenter<'_> {
    fn run(&mut self, family: Family, random: &mut Random) -> ControlFlow<Mismatch> {
        let (first, len) = (family.header_len(), self.packet.len());
        softirq(|context| {
            for rule in self.rules {
                self.present(context, rule, &Layout::linear(len))?;
            }
            ControlFlow::Continue(())
        })?;
        // Some cases try every length and split; others try few, so that there are more cases.
        let thorough = len - first <= CUTS && random.percent(10);
        let steps = if thorough { len - first + 1 } else { FEW };
        for batch in 0..steps.div_ceil(BATCH) {
            softirq(|context| {
                for step in batch * BATCH..steps.min((batch + 1) * BATCH) {
                    let (cut, split) = match thorough {
                        true => (first + step, first + step),
                        false => (random.between(first, len), random.between(first, len)),
                    };
                    let rule = &self.rules[random.below(RULES)];
                    self.present(context, rule, &Layout::random(family, cut, random))?;
                    let rule = &self.rules[random.below(RULES)];
                    self.present(context, rule, &Layout::paged(len, split))?;
                }
                ControlFlow::Continue(())
            })?;
        }
        ControlFlow::Continue(())
    }

    /// A mismatch under the same rule for a shorter packet, all of it linear, if there is one.
    fn shorten(&mut self, family: Family, found: Mismatch) -> Mismatch {
        let Mismatch::Packet { rule, .. } = found else {
            return found;
        };
        let mut lens = family.header_len()..self.packet.len();
        let entry = Entry(rule);
        softirq(|context| {
            lens.find_map(|len| {
                self.present(context, &entry, &Layout::linear(len))
                    .break_value()
            })
            .unwrap_or(found)
        })
    }

    /// Gives the packet to both targets, in one layout and by one rule.
    #[inline]
    fn present(
        &mut self,
        context: &Softirq,
        entry: &Entry<Info>,
        layout: &Layout,
    ) -> ControlFlow<Mismatch> {
        self.skb.lay_out(self.packet, layout);
        self.skb.set_mark(self.before);
        let laid_out = self.skb.fields();
        let c = self.hand_to(context, &self.pair.c, entry, &laid_out);
        let rust = self.hand_to(context, &self.pair.rust, entry, &laid_out);
        self.count.packets += 1;
        self.count.unmarked += u64::from(c.mark == self.before);
        if c == rust && c.intact {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(Mismatch::Packet {
            rule: entry.0,
            layout: *layout,
            conntrack: self.conntrack,
            before: self.before,
            c,
            rust,
        })
    }

    #[inline(always)]
    fn hand_to(
        &mut self,
        context: &Softirq,
        target: &Target<Info>,
        entry: &Entry<Info>,
        laid_out: &Fields,
    ) -> Outcome {
        let verdict = target.with(&Hook::new(), entry).call(context, self.skb);
        let mark = self.skb.mark();
        self.skb.set_mark(self.before);
        Outcome {
            verdict,
            mark,
            intact: self.skb.fields() == *laid_out && self.skb.begins_with(self.packet),
        }
    }
}
