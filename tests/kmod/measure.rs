// SPDX-License-Identifier: GPL-2.0-only

//! The time that packets of one kind take with each target.

use core::hint::black_box;

use kernel::ffi::c_uint;
use kernel::fmt;
use kernel::prelude::*;
use kernel::time::{Instant, Monotonic};

use crate::bindings;
use crate::lookup3;
use crate::packets::{kinds::Kind, Bytes};
use crate::rule::v0::Info;
use crate::scale;
use crate::skb::Skb;
use crate::targets::{softirq, Caller, Entry, Hook, Softirq, Target, CONTINUE};

/// Number of flows that the packets take turns to belong to.
const FLOWS: usize = 16;

/// Packets that one target gets before it is the other's turn: few enough that whatever slows the
/// machine slows both, and so many that the time to read the clock is negligible.
const TURN: usize = 4096;

/// The mark before a target, which must not be the one after it.
const UNMARKED: u32 = 0;

/// A packet of each flow, the targets, and the rule.
pub(crate) struct Flows {
    skbs: KVec<Skb>,
    entry: Entry,
    c: Target,
    rust: Target,
}

/// Nanoseconds that packets took in a round.
#[derive(Default)]
pub(crate) struct Times {
    c: i64,
    rust: i64,
    floor: i64,
    packets: i64,
}

impl Flows {
    /// Prepares packets of a kind, and checks that both targets give them the same mark.
    pub(crate) fn new(kind: &Kind) -> Result<Self> {
        let mut bytes = KBox::new(Bytes::default(), GFP_KERNEL)?;
        let mut skbs = KVec::with_capacity(FLOWS, GFP_KERNEL)?;
        for flow in 0..FLOWS {
            kind.packet(flow as u8, &mut bytes);
            let packet = bytes.as_slice();
            let mut skb = Skb::new()?;
            skb.load(packet)?;
            skb.lay_out(packet, &kind.layout(packet.len()));
            skb.set_conntrack(&kind.conntrack(flow as u8));
            skbs.push(skb, GFP_KERNEL)?;
        }
        let mut flows = Self {
            skbs,
            entry: Entry(kind.rule()),
            // The name that `hmark-bench` gives the target of the C module.
            c: Target::find(c"CMARK", kind.family)?,
            rust: Target::find(c"HMARK", kind.family)?,
        };
        flows.check(kind)?;
        Ok(flows)
    }

    /// Checks that both targets accept the rule, and give each flow's packet the same mark.
    fn check(&mut self, kind: &Kind) -> Result {
        if [&self.c, &self.rust].map(|target| target.check(&mut self.entry)) != [0; 2] {
            pr_err!("{}: the rule is refused\n", kind.name);
            return Err(EINVAL);
        }
        for skb in &mut self.skbs {
            let mut mark = |target: &Target| {
                skb.set_mark(UNMARKED);
                softirq(|context| target.with(&Hook::new(), &self.entry).call(context, skb));
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

    /// Gives each target at least this number of packets, in turn.
    pub(crate) fn measure(&mut self, round: u32, packets: u32) -> Times {
        let mut times = Times::default();
        let hook = Hook::new();
        let [c, rust] = [&self.c, &self.rust].map(|target| target.with(&hook, &self.entry));
        let floor = self.c.with(&hook, &self.entry).with(black_box(hash_alone));
        for turn in 0..(packets as usize).div_ceil(TURN) {
            let mut sides = [(&mut times.c, &c), (&mut times.rust, &rust)];
            // Each of them is first in half of the turns.
            if (round as usize + turn) % 2 == 1 {
                sides.reverse();
            }
            for (time, target) in sides {
                *time += hand_over(target, &mut self.skbs);
            }
            times.floor += hand_over(&floor, &mut self.skbs);
            times.packets += TURN as i64;
        }
        times
    }
}

/// Gives a target its turn, and returns the time in nanoseconds.
fn hand_over(target: &Caller<'_>, skbs: &mut [Skb]) -> i64 {
    timed(|context| {
        for _ in 0..TURN / FLOWS {
            for skb in &mut *skbs {
                target.call(context, skb);
            }
        }
    })
}

/// A target that only hashes the first bytes of the packet: the floor for any target.
///
/// # Safety
///
/// As for any target, with the rule of an [`Entry`] and the packet of a [`Skb`].
unsafe extern "C" fn hash_alone(
    skb: *mut bindings::sk_buff,
    parameters: *const bindings::xt_action_param,
) -> c_uint {
    // SAFETY: By this function's own condition.
    let (rule, words) = unsafe {
        let rule = &*(*parameters).__bindgen_anon_2.targinfo.cast::<Info>();
        (rule, (*skb).data.cast::<[u32; 3]>().read_unaligned())
    };
    let bucket = scale::bucket(lookup3::hash(words, rule.hashrnd), rule.hmodulus);
    // SAFETY: As above; a mark is a u32.
    unsafe {
        *skb.wrapping_byte_add(bindings::SKB_MARK as usize).cast() =
            bucket.wrapping_add(rule.hoffset);
    }
    CONTINUE
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
        let [c, rust, floor] = [self.c, self.rust, self.floor].map(|time| {
            // A round has at least one packet, and is far too short for an overflow.
            time * 1000 / self.packets.max(1)
        });
        write!(f, "c={c} rust={rust} floor={floor}")
    }
}
