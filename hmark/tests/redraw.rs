// SPDX-License-Identifier: GPL-2.0-only

//! Changes of a cluster's marks, and the flows that move then: only those that must, and as many.

use std::fmt;
use std::sync::OnceLock;

use hmark::rule::{v0, v1, Rule};
use hmark::{explain, Family};
use hmark_cli::chi_square::ChiSquare;
use packets::{generate, Bytes, Flow, Random};

/// Architectures whose programs an emulator may run: there the tests do less.
const EMULATED: bool = !cfg!(target_arch = "x86_64");

/// Flows of each change.
const FLOWS: usize = if EMULATED { 50_000 } else { 1_000_000 };

/// The step between numbers of marks whose shares are counted.
const STEP: usize = if EMULATED { 5 } else { 1 };
const TCP: u8 = 6;

/// The marks of a cluster: what a rule says with `--hmark-from`, `--hmark-mod` and `--hmark-weight`.
#[derive(Clone, PartialEq)]
struct Cluster {
    from: u32,
    /// The weight of each mark.
    weights: Vec<u8>,
}

impl Cluster {
    /// So many marks of full weight, none of them added since.
    fn of(marks: u32) -> Self {
        Self::grown(marks, marks)
    }

    /// So many marks of full weight, which were `from` marks once.
    fn grown(from: u32, marks: u32) -> Self {
        Self {
            from,
            weights: vec![100; marks as usize],
        }
    }

    /// The same with this weight of some marks.
    fn with(mut self, marks: impl IntoIterator<Item = usize>, weight: u8) -> Self {
        for mark in marks {
            self.weights[mark] = weight;
        }
        self
    }

    /// The same with one more mark, of this weight.
    fn add(mut self, weight: u8) -> Self {
        self.weights.push(weight);
        self
    }

    fn rule(&self) -> v1::Info {
        let marks = self.weights.len() as u32;
        let mut rule = v1::Info::from(v0::Info {
            hmodulus: marks,
            ..generate::sharp_rule()
        });
        if self.from != marks {
            rule.masked.v0.flags |= v1::flag::FROM;
            rule.from = self.from;
        }
        if self.weights.iter().any(|&weight| weight != 100) {
            rule.masked.v0.flags |= v1::flag::WEIGHT;
            for (less, weight) in rule.less.iter_mut().zip(&self.weights) {
                *less = 100 - weight;
            }
        }
        rule.check().expect("the rule is valid");
        rule
    }

    /// The bucket of each hash.
    fn buckets(&self, hashes: &[u32]) -> Vec<u32> {
        let rule = self.rule();
        hashes.iter().map(|&hash| rule.bucket(hash)).collect()
    }

    /// A mark's share of all flows.
    fn share(&self, mark: usize) -> f64 {
        let all: f64 = self.weights.iter().map(|&weight| f64::from(weight)).sum();
        f64::from(self.weight(mark)) / all
    }

    /// A mark's weight; that of one that there is not is zero.
    fn weight(&self, mark: usize) -> u8 {
        self.weights.get(mark).copied().unwrap_or(0)
    }
}

/// The hashes of flows.
struct Hashes {
    name: &'static str,
    hashes: Vec<u32>,
}

/// Random hashes, and those that a rule makes of TCP connections of clients in one network.
fn hashes() -> &'static [Hashes; 2] {
    static HASHES: OnceLock<[Hashes; 2]> = OnceLock::new();
    HASHES.get_or_init(|| {
        let mut random = Random::new(16);
        let random = (0..FLOWS).map(|_| random.u32()).collect();
        let rule = v1::Info::from(generate::sharp_rule());
        let mut bytes = Bytes::default();
        let tuples = (0..FLOWS as u32).map(|number| {
            let [_, a, b, c] = number.to_be_bytes();
            let flow = Flow {
                source: ([10, a, b, c], 32768 + (number % 28232) as u16).into(),
                destination: ([192, 0, 2, 1], 443).into(),
                protocol: TCP,
            };
            bytes.clear();
            bytes.headers(flow, &[]);
            bytes.layer4(flow);
            let steps = explain(Family::Ipv4, bytes.as_slice(), &rule).steps;
            steps.expect("a TCP packet has a mark").hash
        });
        [("random", random), ("TCP", tuples.collect())]
            .map(|(name, hashes)| Hashes { name, hashes })
    })
}

/// A row of the table of moves.
struct Row {
    change: String,
    hashes: &'static str,
    /// The flows that must move by the change of shares.
    must: f64,
    moved: usize,
    /// Of these, the flows that moved between marks of which neither has lost or gained weight.
    needless: usize,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            change,
            hashes,
            must,
            moved,
            needless,
        } = self;
        write!(
            f,
            "| {change:<44} | {hashes:<6} | {must:>9.1} | {moved:>8} | {needless:>8} |"
        )
    }
}

/// Takes these steps one after the other, and returns what moves in all of them together.
fn moves(change: &str, flows: &Hashes, steps: &[Cluster]) -> Row {
    let mut row = Row {
        change: change.into(),
        hashes: flows.name,
        must: 0.0,
        moved: 0,
        needless: 0,
    };
    for pair in steps.windows(2) {
        let [before, after] = pair else {
            unreachable!("windows of two");
        };
        let marks = before.weights.len().max(after.weights.len());
        let gains = (0..marks).map(|mark| (after.share(mark) - before.share(mark)).max(0.0));
        let must = FLOWS as f64 * gains.sum::<f64>();
        let old = before.buckets(&flows.hashes);
        let new = after.buckets(&flows.hashes);
        let weight = |cluster: &Cluster, mark: u32| cluster.weight(mark as usize);
        let moved = old.iter().zip(&new).filter(|(old, new)| old != new);
        let mut count = 0;
        for (&from, &to) in moved {
            count += 1;
            let from_less = weight(after, from) < weight(before, from);
            let to_more = weight(after, to) > weight(before, to);
            row.needless += usize::from(!from_less && !to_more);
        }
        let stay = FLOWS as f64 - must;
        let chi_square = ChiSquare::from_shares(&[count, FLOWS - count], &[must, stay]);
        assert!(
            chi_square.passes(),
            "{change}, {}: {count} of {must:.1} flows moved: {chi_square}",
            flows.name
        );
        row.must += must;
        row.moved += count;
    }
    row
}

/// A cluster of 70 marks of which some are out.
fn out(marks: &[usize]) -> Cluster {
    Cluster::of(70).with(marks.iter().copied(), 0)
}

/// The same cluster, and those that follow if marks get this weight one after the other.
fn one_by_one(start: Cluster, marks: &[usize], weight: u8) -> Vec<Cluster> {
    let mut steps = vec![start];
    for &mark in marks {
        let next = steps[steps.len() - 1].clone().with([mark], weight);
        steps.push(next);
    }
    steps
}

#[test]
fn only_flows_that_must_move() {
    let eight = [3, 8, 21, 22, 35, 48, 60, 69];
    let eight_back = [48, 3, 69, 22, 8, 60, 21, 35];
    let others: Vec<usize> = (0..70).filter(|&mark| mark != 35).collect();
    let all_but_two: Vec<usize> = (0..70).filter(|&mark| ![11, 35].contains(&mark)).collect();
    let changes: Vec<(&str, Vec<Cluster>)> = vec![
        ("4 to 5 marks", vec![Cluster::of(4), Cluster::grown(4, 5)]),
        ("1 to 2 marks", vec![Cluster::of(1), Cluster::grown(1, 2)]),
        (
            "70 to 71 marks",
            vec![Cluster::of(70), Cluster::grown(70, 71)],
        ),
        (
            "64 to 71 marks at once",
            vec![Cluster::of(64), Cluster::grown(64, 71)],
        ),
        (
            "64 to 71 marks in seven steps",
            (64..=71).map(|marks| Cluster::grown(64, marks)).collect(),
        ),
        (
            "71 marks, grown from 64, to 256",
            vec![Cluster::grown(64, 71), Cluster::grown(64, 256)],
        ),
        ("first of 70 out", vec![out(&[]), out(&[0])]),
        ("middle one of 70 out", vec![out(&[]), out(&[35])]),
        ("last of 70 out", vec![out(&[]), out(&[69])]),
        ("first of 70 back", vec![out(&[0]), out(&[])]),
        ("8 of 70 out at once", vec![out(&[]), out(&eight)]),
        ("8 of 70 out one by one", one_by_one(out(&[]), &eight, 0)),
        (
            "8 of 70 out in another order",
            one_by_one(out(&[]), &eight_back, 0),
        ),
        (
            "8 of 70 back one by one",
            one_by_one(out(&eight), &eight_back, 100),
        ),
        ("half weight of one of 70", one_by_one(out(&[]), &[35], 50)),
        (
            "100 to 99 per cent of one of 70",
            one_by_one(out(&[]), &[35], 99),
        ),
        (
            "99 to 98 per cent of one of 4",
            vec![Cluster::of(4).with([2], 99), Cluster::of(4).with([2], 98)],
        ),
        (
            "64 to 71 marks with 3 of them out",
            vec![
                Cluster::of(64).with([1, 20, 63], 0),
                Cluster::grown(64, 71).with([1, 20, 63], 0),
            ],
        ),
        (
            "64 to 71 marks of half weight",
            vec![Cluster::of(64), Cluster::grown(64, 71).with(64..71, 50)],
        ),
        ("1 of 70 left at once", vec![out(&[]), out(&others)]),
        (
            "second to last of 70 out",
            vec![out(&all_but_two), out(&others)],
        ),
        (
            "1 of 70 left, and all others back",
            vec![out(&others), out(&[])],
        ),
        (
            "70 to 71 marks, the new one of weight 0",
            vec![Cluster::of(70), Cluster::of(70).add(0)],
        ),
        ("a mark added is raised from 0 in steps", {
            let raised = [0, 1, 5, 25, 50, 99, 100].map(|weight| Cluster::of(70).add(weight));
            raised.into()
        }),
        (
            "a mark added is drained",
            one_by_one(Cluster::grown(64, 71), &[66], 0),
        ),
        ("a mark added is drained in steps", {
            let drained =
                [100, 60, 20, 1, 0].map(|weight| Cluster::grown(64, 71).with([66], weight));
            drained.into()
        }),
        (
            "one of 70, all of 1 per cent, out",
            vec![
                Cluster::of(70).with(0..70, 1),
                Cluster::of(70).with(0..70, 1).with([35], 0),
            ],
        ),
        (
            "one of 256 grown from 1 out",
            vec![
                Cluster::grown(1, 256),
                Cluster::grown(1, 256).with([200], 0),
            ],
        ),
        (
            "first of 256 grown from 1 out",
            vec![Cluster::grown(1, 256), Cluster::grown(1, 256).with([0], 0)],
        ),
    ];
    println!(
        "| {:<44} | {:<6} | {:>9} | {:>8} | {:>8} |\n| :-- | :-- | --: | --: | --: |",
        "change", "flows", "must", "moved", "needless"
    );
    let mut rows = Vec::new();
    for (change, steps) in &changes {
        for flows in hashes() {
            let row = moves(change, flows, steps);
            println!("{row}");
            rows.push(row);
        }
    }
    for row in &rows {
        assert_eq!(row.needless, 0, "{row}");
    }

    // The buckets are the same on every machine.
    let mut digest = 0_u64;
    for cluster in changes.iter().flat_map(|(_, steps)| steps) {
        for flows in hashes() {
            for bucket in cluster.buckets(&flows.hashes[..10_000]) {
                digest = digest.wrapping_mul(0x0100_0000_01b3) ^ u64::from(bucket);
            }
        }
    }
    assert_eq!(digest, 0x957d_69bc_cf92_ea39, "{digest:#x}");
}

/// Weights of which some are full and some are zero.
fn random_weights(marks: usize, random: &mut Random) -> Vec<u8> {
    let mut weights: Vec<u8> = (0..marks)
        .map(|_| match random.below(3) {
            0 => 100,
            1 => random.between(0, 99) as u8,
            _ => random.pick(&[0, 25, 50]),
        })
        .collect();
    // Some mark has to be left.
    weights[random.below(marks)] = 100;
    weights
}

#[test]
fn shares_are_as_the_weights_say() {
    const FLOWS: usize = 100_000;
    let mut random = Random::new(71);
    let mut passed = 0;
    for marks in (1..=256_usize).step_by(STEP) {
        let [all_full, weighted, grown] = [
            Cluster::of(marks as u32),
            Cluster {
                from: marks as u32,
                weights: random_weights(marks, &mut random),
            },
            Cluster {
                from: random.between(1, marks) as u32,
                weights: random_weights(marks, &mut random),
            },
        ];
        for cluster in [all_full, weighted, grown] {
            let hashes: Vec<u32> = (0..FLOWS).map(|_| random.u32()).collect();
            let mut counts = vec![0; marks];
            for bucket in cluster.buckets(&hashes) {
                counts[bucket as usize] += 1;
            }
            let shares: Vec<f64> = (0..marks).map(|mark| cluster.share(mark)).collect();
            let chi_square = ChiSquare::from_shares(&counts, &shares);
            // A mark of weight 0 has no flow, and the deviation is without end if it has one.
            assert!(
                chi_square.passes(),
                "{marks} marks, from {}: {chi_square} {:?} {counts:?}",
                cluster.from,
                cluster.weights
            );
            passed += 1;
        }
    }
    println!("the shares of {passed} clusters are right");
}

/// The number of points that may refuse a flow is bounded, and the bounds are reached: then the flow is
/// given to the best mark of all.
#[test]
fn refusals_are_bounded() {
    for (cluster, most_rounds, most_added) in [
        (Cluster::of(256).with(1..256, 0), 64, 0),
        (Cluster::of(70).with(0..70, 1), 64, 0),
        (Cluster::grown(1, 256).with(0..255, 0), 2, 256),
        (Cluster::grown(128, 256).with(0..255, 0), 64, 64),
    ] {
        let (rule, marks) = (cluster.rule(), cluster.weights.len() as u32);
        let (mut rounds, mut added) = (0, 0);
        let mut exhausted = vec![0; marks as usize];
        for &hash in hashes()[0].hashes.iter().take(100_000) {
            let drawn = naive::draw(hash, cluster.from, marks, &rule.less);
            assert_eq!(rule.bucket(hash), drawn.mark, "{hash:#x}");
            rounds = rounds.max(drawn.rounds);
            added = added.max(drawn.added);
            if drawn.rounds == naive::MOST_ROUNDS || drawn.added == naive::MOST_ADDED {
                exhausted[drawn.mark as usize] += 1;
            }
        }
        assert!(rounds <= 64 && added <= 256, "{rounds} {added}");
        assert!(
            rounds >= most_rounds && added >= most_added,
            "{rounds} {added}"
        );
        let shares: Vec<f64> = (0..marks as usize)
            .map(|mark| cluster.share(mark))
            .collect();
        let chi_square = ChiSquare::from_shares(&exhausted, &shares);
        assert!(chi_square.passes(), "{chi_square} {exhausted:?}");
    }
    let one_out = Cluster::of(70).with([35], 0);
    let less = one_out.rule().less;
    let draw = |&hash: &u32| naive::draw(hash, 70, 70, &less).rounds;
    assert!(hashes()[0].hashes.iter().map(draw).max() < Some(naive::MOST_ROUNDS));
}

/// A mark that is added moves no flow between others, whatever its weight and however few marks are
/// left.
#[test]
fn growth_is_exact_however_few_marks_are_left() {
    for left in [1, 2, 5, 23] {
        for added in [0, 1, 50, 100] {
            let before = Cluster::of(70).with(left..70, 0);
            let after = before.clone().add(added);
            let hashes = &hashes()[0].hashes;
            let old = before.buckets(hashes).into_iter();
            let pairs = old.zip(after.buckets(hashes));
            let needless = pairs.filter(|&(old, new)| old != new && new != 70).count();
            assert_eq!(
                needless, 0,
                "{left} of 70 marks left, one of weight {added} added"
            );
        }
    }
}
