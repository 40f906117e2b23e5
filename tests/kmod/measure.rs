// SPDX-License-Identifier: GPL-2.0-only

//! The time that packets of one kind take with each target.

use core::hint::black_box;

use kernel::fmt;
use kernel::prelude::*;
use kernel::time::{Instant, Monotonic};

use crate::generate::{Bytes, Conntrack};
use crate::hash;
use crate::kinds::Kind;
use crate::skb::Skb;
use crate::targets::{softirq, Entry, Softirq, Target};

/// Flows that packets are of, one after the other.
const FLOWS: usize = 16;

/// Packets that one target is given before the other has its turn: few enough that what slows the
/// machine slows both, and enough that reading the clock does not count.
const TURN: usize = 4096;

/// What a target must not leave.
const UNMARKED: u32 = 0;

/// A packet of each flow, the targets, and the rule.
pub(crate) struct Flows {
    skbs: KVec<Skb>,
    /// What the bare hash is of: words that it hashes in place of packets.
    words: [[u32; 3]; FLOWS],
    entry: Entry,
    c: Target,
    rust: Target,
}

/// Nanoseconds that packets took in a round.
#[derive(Default)]
pub(crate) struct Times {
    c: i64,
    rust: i64,
    hash: i64,
    packets: i64,
}

impl Flows {
    /// Prepares packets of a kind, and sees that both targets give them the same mark.
    pub(crate) fn new(kind: &Kind) -> Result<Self> {
        let mut bytes = KBox::new(Bytes::default(), GFP_KERNEL)?;
        let mut skbs = KVec::with_capacity(FLOWS, GFP_KERNEL)?;
        for flow in 0..FLOWS {
            kind.packet(flow as u8, &mut bytes);
            let packet = bytes.as_slice();
            let mut skb = Skb::new()?;
            skb.load(packet)?;
            skb.lay_out(packet, &kind.layout(packet.len()));
            let connection: Conntrack = kind.connection(flow as u8);
            skb.set_conntrack(&connection);
            skbs.push(skb, GFP_KERNEL)?;
        }
        let mut flows = Self {
            skbs,
            words: core::array::from_fn(|flow| [flow as u32, 0x0a01_0109, 0x01bb_8000]),
            entry: Entry(kind.rule()),
            // The name that `hmark-bench` gives the target of the C module.
            c: Target::find(c"CMARK", kind.family)?,
            rust: Target::find(c"HMARK", kind.family)?,
        };
        flows.check(kind)?;
        Ok(flows)
    }

    /// Sees that both targets take the rule, and give each flow's packet the same mark.
    fn check(&mut self, kind: &Kind) -> Result {
        if [&self.c, &self.rust].map(|target| target.check(&mut self.entry)) != [0; 2] {
            pr_err!("{}: the rule is refused\n", kind.name);
            return Err(EINVAL);
        }
        for skb in &mut self.skbs {
            let mut mark = |target: &Target| {
                skb.set_mark(UNMARKED);
                softirq(|context| target.call(context, skb, &self.entry));
                skb.mark()
            };
            let marks = [mark(&self.c), mark(&self.rust)];
            if marks[0] != marks[1] || marks[0] == UNMARKED {
                pr_err!("{}: the marks are {marks:?}\n", kind.name);
                return Err(EBADMSG);
            }
        }
        Ok(())
    }

    /// Gives each target at least so many packets, by turns.
    pub(crate) fn measure(&mut self, round: u32, packets: u32) -> Times {
        let mut times = Times::default();
        for turn in 0..(packets as usize).div_ceil(TURN) {
            let mut sides = [(&mut times.c, &self.c), (&mut times.rust, &self.rust)];
            // Neither is always the first one.
            if (round as usize + turn) % 2 == 1 {
                sides.reverse();
            }
            for (time, target) in sides {
                *time += hand_over(target, &mut self.skbs, &self.entry);
            }
            times.hash += hash_alone(&self.words, &mut self.skbs, &self.entry);
            times.packets += TURN as i64;
        }
        times
    }
}

/// Gives a target its turn, and returns the nanoseconds that this takes.
fn hand_over(target: &Target, skbs: &mut [Skb], entry: &Entry) -> i64 {
    timed(|context| {
        for _ in 0..TURN / FLOWS {
            for skb in &mut *skbs {
                target.call(context, skb, entry);
            }
        }
    })
}

/// As [`hand_over`], for marks that are made of `words`, with no packet read.
fn hash_alone(words: &[[u32; 3]; FLOWS], skbs: &mut [Skb], entry: &Entry) -> i64 {
    timed(|_| {
        for _ in 0..TURN / FLOWS {
            for (words, skb) in words.iter().zip(&mut *skbs) {
                let rule = &black_box(entry).0;
                let hash = hash::jhash(*black_box(words), rule.hashrnd);
                let bucket = hash::bucket(hash, rule.hmodulus);
                skb.set_mark(bucket.wrapping_add(rule.hoffset));
            }
        }
    })
}

fn timed(work: impl FnOnce(&Softirq)) -> i64 {
    softirq(|context| {
        let begun = Instant::<Monotonic>::now();
        work(context);
        begun.elapsed().as_nanos()
    })
}

impl fmt::Display for Times {
    /// Picoseconds for a packet.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [c, rust, hash] = [self.c, self.rust, self.hash].map(|time| {
            // A round has a packet at least, and takes no hours.
            time * 1000 / self.packets.max(1)
        });
        write!(f, "c={c} rust={rust} hash={hash}")
    }
}
