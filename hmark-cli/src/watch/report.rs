// SPDX-License-Identifier: GPL-2.0-only

//! What was counted in some time: the rate, the share and the deviation of each mark, with its way.

use std::collections::BTreeMap;

use hmark::Family;

use super::{Count, Counted, Group, Way};
use crate::findings::Site;
use crate::host::Host;

/// The least number of connections that a mark, and all others together, must expect for a deviation to say
/// something: below, its distribution is far from normal.
const LEAST_EXPECTED: f64 = 5.0;

/// The counts at a time.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Seconds since counting began.
    pub seconds: f64,
    /// The counts.
    pub counted: Counted,
}

/// One mark.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The family.
    pub family: Family,
    /// The mark.
    pub mark: u32,
    /// What was counted since counting began.
    pub total: Count,
    /// Packets in a second, lately.
    pub packets_per_second: f64,
    /// Bytes in a second, lately.
    pub bytes_per_second: f64,
    /// Its share of the packets of its rule's marks, 0 to 1; [`None`] if there are none.
    pub share: Option<f64>,
    /// The share of flows that it is to have, 0 to 1; [`None`] if that cannot be told.
    pub expected: Option<f64>,
    /// The new TCP connections that `sigma` is about.
    pub connections: u64,
    /// How many standard deviations its share of new TCP connections is off: more than 3 are rare if the hash
    /// spreads them. [`None`] if there are too few.
    pub sigma: Option<f64>,
    /// Where its packets go.
    pub way: Way,
}

/// One family as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Sum {
    /// The family.
    pub family: Family,
    /// All packets since counting began.
    pub total: Count,
    /// All packets in a second, lately.
    pub packets_per_second: f64,
    /// All bytes in a second, lately.
    pub bytes_per_second: f64,
    /// Packets with the mark 0, since counting began.
    pub unmarked: u64,
    /// The share of packets with the mark 0, 0 to 1; [`None`] if there is no packet.
    pub unmarked_share: Option<f64>,
    /// Marks that no HMARK rule gives, which packets had in the last minute, and how many had them.
    pub others: BTreeMap<u32, u64>,
}

/// What was counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The seconds that rates are about.
    pub rate_seconds: f64,
    /// The seconds that shares and deviations are about.
    pub share_seconds: f64,
    /// The families that have an HMARK rule.
    pub sums: Vec<Sum>,
    /// The marks.
    pub rows: Vec<Row>,
}

impl Report {
    /// The report on these groups: shares since the sample `from`, rates since `last`, until `now`.
    pub fn of(host: &Host, groups: &[Group], from: &Sample, last: &Sample, now: &Sample) -> Self {
        let rate_seconds = (now.seconds - last.seconds).max(1e-3);
        let mut report = Self {
            rate_seconds,
            share_seconds: now.seconds - from.seconds,
            sums: Vec::new(),
            rows: Vec::new(),
        };
        let rate = |count: u64| count as f64 / rate_seconds;
        let families = now.counted.families.iter();
        let before = from.counted.families.iter().zip(&last.counted.families);
        for ((family, now), (from, last)) in Family::ALL.into_iter().zip(families).zip(before) {
            if !groups.iter().any(|group| group.family == family) {
                continue;
            }
            let lately = now.all.since(last.all);
            let seen = now.all.since(from.all).packets;
            let unmarked = now.unmarked.since(from.unmarked).packets;
            let others = now.others.iter();
            report.sums.push(Sum {
                family,
                total: now.all,
                packets_per_second: rate(lately.packets),
                bytes_per_second: rate(lately.bytes),
                unmarked: now.unmarked.packets,
                unmarked_share: share(unmarked, seen),
                others: others.map(|(mark, count)| (*mark, count.packets)).collect(),
            });
        }
        let sites = Family::ALL.map(|family| Site::new(host, family));
        let nothing = BTreeMap::new();
        for (place, group) in groups.iter().enumerate() {
            let counts = |sample: &'_ Sample| -> BTreeMap<u32, Count> {
                let counts = sample.counted.groups.get(place);
                counts.unwrap_or(&nothing).clone()
            };
            let [from, last, now] = [from, last, now].map(counts);
            let count = |counts: &BTreeMap<u32, Count>, mark| -> Count {
                counts.get(&mark).copied().unwrap_or_default()
            };
            let since_from = |mark: u32| count(&now, mark).since(count(&from, mark));
            let marks = group.shares.keys();
            let whole = marks.fold(Count::default(), |sum, mark| sum.and(since_from(*mark)));
            let mut sites = sites.iter().flatten();
            let Some(site) = sites.find(|site| site.family == group.family) else {
                continue;
            };
            for (&mark, &expected) in &group.shares {
                let lately = count(&now, mark).since(count(&last, mark));
                let seen = since_from(mark);
                report.rows.push(Row {
                    family: group.family,
                    mark,
                    total: count(&now, mark),
                    packets_per_second: rate(lately.packets),
                    bytes_per_second: rate(lately.bytes),
                    share: share(seen.packets, whole.packets),
                    expected,
                    connections: seen.connections,
                    sigma: sigma(seen.connections, whole.connections, expected),
                    way: Way::of(site, mark),
                });
            }
        }
        report
    }

    /// The marks that packets may have and whose packets do not arrive.
    pub fn lost(&self) -> impl Iterator<Item = &Row> {
        let has_share = |row: &&Row| row.expected != Some(0.0);
        let is_lost = |row: &&Row| row.way.reach.is_good() == Some(false);
        self.rows.iter().filter(has_share).filter(is_lost)
    }
}

/// A part of a whole, 0 to 1.
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// How many standard deviations a number of independent connections is off, if each has this share's chance
/// to be counted.
fn sigma(connections: u64, whole: u64, expected: Option<f64>) -> Option<f64> {
    let (share, whole) = (expected?, whole as f64);
    let (hits, misses) = (share * whole, (1.0 - share) * whole);
    if hits.min(misses) < LEAST_EXPECTED {
        return None;
    }
    Some((connections as f64 - hits) / (hits * (1.0 - share)).sqrt())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::watch::group::tests::with_rules;
    use crate::watch::{groups, OfFamily};

    /// A report on two marks, one of which has no routing rule.
    pub fn two_marks() -> Report {
        let host = with_rules(&["--hmark-mod 2 --hmark-offset 103"]);
        let groups = groups(&host).unwrap();
        let sample = |seconds: f64, counts: [u64; 2]| {
            let count = |packets: u64| Count {
                packets,
                bytes: packets * 100,
                connections: packets / 10,
            };
            let [first, second] = counts.map(count);
            let of_family = OfFamily {
                all: first.and(second).and(count(100)),
                unmarked: count(seconds as u64 * 10),
                others: BTreeMap::from([(7, count(3))]),
            };
            Sample {
                seconds,
                counted: Counted {
                    groups: vec![BTreeMap::from([(103, first), (104, second)])],
                    families: [of_family, OfFamily::default()],
                },
            }
        };
        let samples = [
            sample(0.0, [0, 0]),
            sample(8.0, [1000, 900]),
            sample(10.0, [1600, 1000]),
        ];
        Report::of(&host, &groups, &samples[0], &samples[1], &samples[2])
    }

    #[test]
    fn rates_are_of_lately_and_shares_of_longer() {
        let report = two_marks();
        let [first, second] = report.rows.as_slice() else {
            panic!("{report:?}");
        };
        assert_eq!((first.mark, first.total.packets), (103, 1600));
        assert_eq!(
            (first.packets_per_second, first.bytes_per_second),
            (300.0, 30_000.0)
        );
        assert_eq!(
            (first.share, second.share),
            (Some(1600.0 / 2600.0), Some(1000.0 / 2600.0))
        );
        assert_eq!(second.expected, Some(0.5));
        // 160 of 260 connections, of which 130 were expected: a standard deviation is sqrt(65).
        let sigma = first.sigma.unwrap();
        assert!((sigma - 30.0 / 65.0_f64.sqrt()).abs() < 1e-9, "{sigma}");
        assert_eq!(report.sums.len(), 1);
        let sum = &report.sums[0];
        assert_eq!((sum.packets_per_second, sum.unmarked), (350.0, 100));
        assert_eq!(
            (sum.unmarked_share, sum.others[&7]),
            (Some(100.0 / 2600.0), 3)
        );
    }

    #[test]
    fn marks_without_a_way_are_lost() {
        let report = two_marks();
        let lost: Vec<u32> = report.lost().map(|row| row.mark).collect();
        assert_eq!(lost, [104]);
        assert_eq!(report.rows[1].way.reach.to_string(), "no ip rule");
    }

    #[test]
    fn few_connections_say_nothing() {
        assert_eq!(sigma(3, 9, Some(0.5)), None);
        assert_eq!(sigma(5, 10, Some(0.5)), Some(0.0));
        assert_eq!(sigma(5, 1000, Some(0.0)), None);
        assert_eq!(sigma(1000, 1000, Some(1.0)), None);
        assert_eq!(sigma(5, 1000, None), None);
    }
}
