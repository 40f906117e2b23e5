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
use crate::rule::{v0, v1};
use crate::scale;
use crate::skb::Skb;
use crate::targets::{softirq, Caller, Entry, Hook, Revision, Softirq, Target, CONTINUE};

/// Packets that one target gets before it is the other's turn: few enough that whatever slows the
/// machine slows both, and so many that the time to read the clock is negligible.
const TURN: usize = 4096;

/// The mark before a target, which must not be the one after it.
const UNMARKED: u32 = 0;

/// A packet of each flow, and the targets with their rules.
pub(crate) struct Flows {
    skbs: KVec<Skb>,
    ours: Ruled,
    other: Ruled,
}

/// A target with a rule of some revision.
enum Ruled {
    V0(WithRule<v0::Info>),
    V1(WithRule<v1::Info>),
}

/// A target with a rule that it accepts.
struct WithRule<R> {
    target: Target<R>,
    entry: Entry<R>,
}

impl<R: Revision> WithRule<R> {
    fn find(name: &CStr, kind: &Kind, rule: R) -> Result<Self> {
        let target = Target::find(name, kind.family)?;
        let mut entry = Entry(rule);
        if target.check(&mut entry) != 0 {
            pr_err!("{}: {} refuses the rule\n", kind.name, name);
            return Err(EINVAL);
        }
        Ok(Self { target, entry })
    }

    #[inline(always)]
    fn on<'a>(&'a self, hook: &'a Hook) -> Caller<'a> {
        self.target.with(hook, &self.entry)
    }
}

impl Ruled {
    /// Our target, and the one that it is compared with: the kernel's own, or ours with the rule of
    /// revision 0 that a rule of revision 1 is made of.
    fn pair(kind: &Kind) -> Result<[Self; 2]> {
        let ours = |rule| WithRule::find(c"HMARK", kind, rule);
        Ok(match kind.rule_v1() {
            Some(rule) => [
                Self::V1(WithRule::find(c"HMARK", kind, rule)?),
                Self::V0(ours(kind.rule())?),
            ],
            // The name that `hmark-bench` gives the target of the C module.
            None => [
                Self::V0(ours(kind.rule())?),
                Self::V0(WithRule::find(c"CMARK", kind, kind.rule())?),
            ],
        })
    }

    #[inline(always)]
    fn on<'a>(&'a self, hook: &'a Hook) -> Caller<'a> {
        match self {
            Self::V0(ruled) => ruled.on(hook),
            Self::V1(ruled) => ruled.on(hook),
        }
    }
}

/// Nanoseconds that packets took in a round.
#[derive(Default)]
pub(crate) struct Times {
    ours: i64,
    other: i64,
    floor: i64,
    packets: i64,
}

impl Flows {
    /// Prepares packets of a kind, and checks that both targets mark them, with one mark if they are
    /// two implementations.
    pub(crate) fn new(kind: &Kind) -> Result<Self> {
        let mut bytes = KBox::new(Bytes::default(), GFP_KERNEL)?;
        let mut skbs = KVec::with_capacity(kind.flows(), GFP_KERNEL)?;
        for flow in 0..kind.flows() {
            kind.packet(flow as u8, &mut bytes);
            let packet = bytes.as_slice();
            let mut skb = Skb::new()?;
            skb.load(packet)?;
            skb.lay_out(packet, &kind.layout(packet.len()));
            skb.set_conntrack(&kind.conntrack(flow as u8));
            skbs.push(skb, GFP_KERNEL)?;
        }
        let [ours, other] = Ruled::pair(kind)?;
        let mut flows = Self { skbs, ours, other };
        flows.check(kind)?;
        Ok(flows)
    }

    fn check(&mut self, kind: &Kind) -> Result {
        for skb in &mut self.skbs {
            let mut mark = |ruled: &Ruled| {
                skb.set_mark(UNMARKED);
                softirq(|context| ruled.on(&Hook::new()).call(context, skb));
                skb.mark()
            };
            let marks = [mark(&self.ours), mark(&self.other)];
            let are_equal = kind.rule_v1().is_some() || marks[0] == marks[1];
            if !are_equal || marks.contains(&UNMARKED) {
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
        let [ours, other] = [&self.ours, &self.other].map(|ruled| ruled.on(&hook));
        let floor = self.other.on(&hook).with(black_box(hash_alone));
        for turn in 0..(packets as usize).div_ceil(TURN) {
            let mut sides = [(&mut times.ours, &ours), (&mut times.other, &other)];
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
        for _ in 0..TURN / skbs.len().max(1) {
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
        let rule = &*(*parameters).__bindgen_anon_2.targinfo.cast::<v0::Info>();
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
        let [ours, other, floor] = [self.ours, self.other, self.floor].map(|time| {
            // A round has at least one packet, and is far too short for an overflow.
            time * 1000 / self.packets.max(1)
        });
        write!(f, "ours={ours} other={other} floor={floor}")
    }
}
