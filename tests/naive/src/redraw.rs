// SPDX-License-Identifier: GPL-2.0-only

//! From a hash to a bucket: marks race for the flow, and the earliest that accepts it wins.
//!
//! The marks that the cluster began with share one point in time; each mark added since may have an
//! earlier one. All of it follows from the hash alone.

/// Points of the first marks that refuse before the rendezvous decides.
pub const MOST_ROUNDS: u32 = 64;

/// Points of marks added since that refuse before it does.
pub const MOST_ADDED: u32 = 256;

/// The most points before that of the first marks that are looked at together.
const MOST_POINTS: u32 = 31;

// Multiples 1 to 5 of the golden ratio, which tell apart what one hash is used for.
const JUMP: u32 = 0x9e37_79b9;
const ACCEPT: u32 = 0x3c6e_f372;
const RESTART: u32 = 0xdaa6_6d2b;
const ROUND: u32 = 0x78dd_e6e4;
const RENDEZVOUS: u32 = 0x1715_609d;

/// The result of a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The mark, counted from 0.
    pub mark: u32,
    /// How many points of the first marks refused the flow.
    pub rounds: u32,
    /// How many points of marks added since did.
    pub added: u32,
}

/// Draws one of `marks` marks, of which the cluster began with the first `from`; `less` is 100 minus
/// the weight of each.
pub fn draw(hash: u32, from: u32, marks: u32, less: &[u8; 256]) -> Drawn {
    let mut race = Race {
        marks,
        less,
        rounds: 0,
        added: 0,
    };
    let winner = race.rounds(hash, from);
    let mark = winner.unwrap_or_else(|Undecided| rendezvous(hash, marks, less));
    Drawn {
        mark,
        rounds: race.rounds,
        added: race.added,
    }
}

/// A mark at a point in time; `seed` decides all that comes of it.
#[derive(Clone, Copy)]
struct Point {
    mark: u32,
    seed: u32,
}

/// As many points have refused as may.
struct Undecided;

struct Race<'a> {
    marks: u32,
    less: &'a [u8; 256],
    rounds: u32,
    added: u32,
}

impl Race<'_> {
    /// The winner of the first round that has one.
    fn rounds(&mut self, hash: u32, from: u32) -> Result<u32, Undecided> {
        let mut round = 0_u32;
        loop {
            let seed = match round {
                0 => hash,
                _ => fmix(add(hash, times(round, ROUND))),
            };
            let base = Point {
                mark: scale(seed, from),
                seed,
            };
            if let Some(mark) = self.earliest(base, from, seed, 0)? {
                return Ok(mark);
            }
            round = add(round, 1);
        }
    }

    /// The earliest of the base and of the points of marks from `first` on that accepts the flow;
    /// `above` points are later than these and earlier than the base of the round.
    fn earliest(
        &mut self,
        base: Point,
        mut first: u32,
        mut seed: u32,
        above: u32,
    ) -> Result<Option<u32>, Undecided> {
        while let Some(point) = self.record(first, seed).filter(|_| above < MOST_POINTS) {
            let earlier = self.earliest(point, add(point.mark, 1), point.seed, above + 1)?;
            if earlier.is_some() {
                return Ok(earlier);
            }
            (first, seed) = (point.mark, fmix(add(point.seed, RESTART)));
        }
        Ok(self.accepts(base, above == 0)?.then_some(base.mark))
    }

    /// The next mark that comes earlier than all of the `population` before it, if there is one.
    fn record(&self, population: u32, seed: u32) -> Option<Point> {
        let seed = fmix(add(seed, JUMP));
        let scaled = u64::from(population) << 32;
        if u64::from(seed) * u64::from(self.marks) <= scaled {
            return None;
        }
        let mark = scaled.checked_div(seed.into())? as u32;
        Some(Point { mark, seed })
    }

    /// Whether the mark accepts the flow, as it does in as many of 100 cases as its weight says.
    fn accepts(&mut self, point: Point, is_first: bool) -> Result<bool, Undecided> {
        let less = self
            .less
            .get(point.mark as usize)
            .map_or(0, |less| u32::from(*less));
        if less == 0 || scale(fmix(add(point.seed, ACCEPT)), 100) >= less {
            return Ok(true);
        }
        let (refused, most) = match is_first {
            true => (&mut self.rounds, MOST_ROUNDS),
            false => (&mut self.added, MOST_ADDED),
        };
        *refused = add(*refused, 1);
        match *refused < most {
            true => Ok(false),
            false => Err(Undecided),
        }
    }
}

/// The mark with the least of exponentially distributed times, whose rates are the weights.
fn rendezvous(hash: u32, marks: u32, less: &[u8; 256]) -> u32 {
    let mut best = None;
    for (mark, less) in (0..marks).zip(less) {
        let weight = 100_u32.saturating_sub((*less).into());
        if weight == 0 {
            continue;
        }
        let uniform = fmix(add(fmix(add(hash, RENDEZVOUS)), times(mark, JUMP)));
        let time = (32 << 24) - log2(uniform.max(1));
        // time / weight < best time / best weight
        if best.is_none_or(|(_, best_time, best_weight)| {
            u64::from(time) * best_weight < best_time * u64::from(weight)
        }) {
            best = Some((mark, u64::from(time), u64::from(weight)));
        }
    }
    best.map_or(0, |(mark, _, _)| mark)
}

/// The binary logarithm of a number that is not 0, with 24 bits after the point: each square has
/// twice the logarithm.
fn log2(number: u32) -> u32 {
    let mut whole = 0_u32;
    while number >> whole > 1 {
        whole += 1;
    }
    // From 1 to below 2, with 31 bits after the point.
    let mut mantissa = u64::from(number) << (31 - whole);
    let mut log = whole;
    for _ in 0..24 {
        mantissa = mantissa * mantissa / (1 << 31);
        let carry = mantissa >= 1 << 32;
        if carry {
            mantissa /= 2;
        }
        log = log * 2 + u32::from(carry);
    }
    log
}

/// A number below `end` in proportion to the hash.
fn scale(hash: u32, end: u32) -> u32 {
    (u64::from(hash) * u64::from(end) / (1 << 32)) as u32
}

/// The finalizer of MurmurHash3.
fn fmix(mut x: u32) -> u32 {
    x ^= x / (1 << 16);
    x = times(x, 0x85eb_ca6b);
    x ^= x / (1 << 13);
    x = times(x, 0xc2b2_ae35);
    x ^ (x / (1 << 16))
}

/// The sum modulo 2^32.
fn add(a: u32, b: u32) -> u32 {
    ((u64::from(a) + u64::from(b)) % (1 << 32)) as u32
}

/// The product modulo 2^32.
fn times(a: u32, b: u32) -> u32 {
    (u64::from(a) * u64::from(b) % (1 << 32)) as u32
}
