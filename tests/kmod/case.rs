// SPDX-License-Identifier: GPL-2.0-only

//! A case: everything that is generated from one number. For each revision this is a packet, a few
//! rules for it, and many presentations of it to our target and the one that it is compared with: cut
//! off anywhere, and in all layouts.

use core::ops::ControlFlow;

use kernel::ffi::c_int;
use kernel::prelude::*;
use kernel::time::{Instant, Monotonic};

use crate::packets::{Bytes, Conntrack, Layout, Random};
use crate::reference::{Generated, Naive, Reference};
use crate::report::{self, Logged};
use crate::rule::{v0, v1};
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

/// Our target, and the reference for it.
struct Pair<R, F> {
    reference: F,
    ours: Target<R>,
}

/// The amount compared so far.
#[derive(Default)]
pub(crate) struct Count {
    /// Times that both were given the same packet and rule.
    pub(crate) packets: u64,
    /// Packets from which these were made.
    pub(crate) bases: u64,
    /// Rules that both were asked about.
    pub(crate) rules: u64,
    /// Rules that both refused.
    pub(crate) refused: u64,
    /// Times that both left the mark alone.
    pub(crate) unmarked: u64,
    /// Rules that look inside the packet that they were made for.
    pub(crate) inside: u64,
    /// The time that all of this took.
    pub(crate) nanoseconds: i64,
}

/// The result of a target for a packet.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) verdict: u32,
    pub(crate) mark: u32,
    /// Whether it left alone the packet's bytes, and all of the sk_buff but the mark.
    pub(crate) intact: bool,
}

/// A difference between our target and its reference.
pub(crate) enum Mismatch<R> {
    /// In their answer to a rule.
    Check {
        rule: R,
        reference: c_int,
        ours: c_int,
    },
    /// In what they did to a packet.
    Packet {
        rule: R,
        layout: Layout,
        conntrack: Conntrack,
        /// The mark before.
        before: u32,
        reference: Outcome,
        ours: Outcome,
    },
    /// A target wrote to the packet outside of the linear part.
    Bytes,
}

/// Both revisions, with the buffers that all cases use.
pub(crate) struct Cases {
    pub(crate) v0: Comparison<v0::Info, Target<v0::Info>>,
    pub(crate) v1: Comparison<v1::Info, Naive>,
    buffers: Buffers,
}

struct Buffers {
    skb: Skb,
    /// The packet of the last case.
    bytes: KBox<Bytes>,
}

impl Cases {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            v0: Comparison::new()?,
            v1: Comparison::new()?,
            buffers: Buffers {
                skb: Skb::new()?,
                bytes: KBox::new(Bytes::default(), GFP_KERNEL)?,
            },
        })
    }

    /// How many packets were compared of each revision, at least.
    pub(crate) fn packets(&self) -> u64 {
        self.v0.count.packets.min(self.v1.count.packets)
    }

    /// Runs the case of this number, and logs whether there is a difference.
    pub(crate) fn run(&mut self, number: u64) -> Result<bool> {
        Ok(self.v0.run(number, &mut self.buffers)? || self.v1.run(number, &mut self.buffers)?)
    }
}

/// Our target's revision of these rules, and the reference for it.
pub(crate) struct Comparison<R, F> {
    /// One for each family that the kernel has.
    pairs: KVec<(Family, Pair<R, F>)>,
    rules: KBox<[Entry<R>; RULES]>,
    pub(crate) count: Count,
}

impl<R: Generated + Logged, F: Reference<R>> Comparison<R, F> {
    fn new() -> Result<Self> {
        let mut pairs = KVec::new();
        for family in Family::ALL {
            if family == Family::Ipv4 || cfg!(CONFIG_IP6_NF_IPTABLES) {
                let pair = Pair {
                    reference: F::find(family)?,
                    ours: Target::find(c"HMARK", family)?,
                };
                pairs.push((family, pair), GFP_KERNEL)?;
            }
        }
        Ok(Self {
            pairs,
            rules: KBox::new([const { Entry(R::SHARP) }; RULES], GFP_KERNEL)?,
            count: Count::default(),
        })
    }

    /// Runs the case of this number, and logs whether there is a difference.
    fn run(&mut self, number: u64, buffers: &mut Buffers) -> Result<bool> {
        let begun = Instant::<Monotonic>::now();
        let mismatch = self.compare(number, buffers)?;
        self.count.nanoseconds += begun.elapsed().as_nanos();
        if let Some(mismatch) = &mismatch {
            report::mismatch::<R>(number, F::NAME, mismatch, buffers.bytes.as_slice());
        }
        Ok(mismatch.is_some())
    }

    fn compare(&mut self, number: u64, buffers: &mut Buffers) -> Result<Option<Mismatch<R>>> {
        let mut random = R::numbers(number);
        let (family, pair) = &self.pairs[random.below(self.pairs.len())];

        for entry in &mut self.rules[1..] {
            *entry = Entry(R::random(&mut random));
            let (reference, ours) = (pair.reference.check(entry), pair.ours.check(entry));
            self.count.rules += 1;
            if reference != ours {
                return Ok(Some(Mismatch::Check {
                    rule: entry.0,
                    reference,
                    ours,
                }));
            }
            if ours != 0 {
                *entry = Entry(R::SHARP);
                self.count.refused += 1;
            }
        }

        let Buffers { skb, bytes } = buffers;
        R::packet(*family, bytes, &mut random);
        let packet = bytes.as_slice();
        let conntrack = Conntrack::random(*family, &mut random);
        skb.load(packet)?;
        skb.set_conntrack(&conntrack);
        self.count.bases += 1;
        for entry in &*self.rules {
            self.count.inside += u64::from(pair.reference.looks_inside(entry, packet));
        }

        let mut presenter = Presenter {
            pair,
            rules: &self.rules,
            packet,
            conntrack,
            before: random.u32(),
            skb,
            count: &mut self.count,
        };
        let found = presenter.run(*family, &mut random).break_value();
        let found = found.map(|mismatch| presenter.shorten(*family, mismatch));
        match found {
            None if !skb.is_loaded(packet) => Ok(Some(Mismatch::Bytes)),
            found => Ok(found),
        }
    }
}

/// Gives one packet to both targets repeatedly.
struct Presenter<'a, R, F> {
    pair: &'a Pair<R, F>,
    rules: &'a [Entry<R>; RULES],
    packet: &'a [u8],
    conntrack: Conntrack,
    before: u32,
    skb: &'a mut Skb,
    count: &'a mut Count,
}

impl<R: Generated, F: Reference<R>> Presenter<'_, R, F> {
    fn run(&mut self, family: Family, random: &mut Random) -> ControlFlow<Mismatch<R>> {
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
    fn shorten(&mut self, family: Family, found: Mismatch<R>) -> Mismatch<R> {
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

    /// Gives the packet to both sides, in one layout and by one rule.
    #[inline]
    fn present(
        &mut self,
        context: &Softirq,
        entry: &Entry<R>,
        layout: &Layout,
    ) -> ControlFlow<Mismatch<R>> {
        self.skb.lay_out(self.packet, layout);
        self.skb.set_mark(self.before);
        let laid_out = self.skb.fields();
        let packet = &self.packet[..layout.len.min(self.packet.len())];
        let Pair { reference, ours } = self.pair;
        let verdict = reference.hand_to(context, entry, packet, &self.conntrack, self.skb);
        let reference = self.outcome(verdict, &laid_out);
        let verdict = ours.with(&Hook::new(), entry).call(context, self.skb);
        let ours = self.outcome(verdict, &laid_out);
        self.count.packets += 1;
        self.count.unmarked += u64::from(ours.mark == self.before);
        if reference == ours && ours.intact {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(Mismatch::Packet {
            rule: entry.0,
            layout: *layout,
            conntrack: self.conntrack,
            before: self.before,
            reference,
            ours,
        })
    }

    /// What was done to the packet; it has its mark of before again.
    #[inline(always)]
    fn outcome(&mut self, verdict: u32, laid_out: &Fields) -> Outcome {
        let mark = self.skb.mark();
        self.skb.set_mark(self.before);
        Outcome {
            verdict,
            mark,
            intact: self.skb.fields() == *laid_out && self.skb.begins_with(self.packet),
        }
    }
}
