// SPDX-License-Identifier: GPL-2.0-only

//! The numbers of flows that move to another mark, and examples of marks, as `docs/choosing.md` and
//! the manual page state them.

use hmark::rule::v0::Info;
use hmark::rule::v1::{self, flag};
use hmark::rule::Rule;
use testbed::family::Family;
use testbed::options;

use crate::clients;
use crate::flow::{Flow, Transport};

const FLOWS: usize = 10_000;

fn flows() -> Vec<Flow> {
    let blade = [10, 3, 0, 11].into();
    let server = "203.0.113.80:80".parse().unwrap();
    clients::choose(Transport::Tcp, &[blade], server, FLOWS, 1)
}

fn rule(marks: u32, seed: u32) -> Info {
    let tuple = "--hmark-tuple src,dst,sport,dport,proto";
    let text = format!("{tuple} --hmark-mod {marks} --hmark-rnd {seed}");
    options::parse(&text, Family::Ipv4).unwrap()
}

fn share_moved(from: &impl Rule, to: &impl Rule) -> f64 {
    let flows = flows();
    let moved = |flow: &&Flow| flow.mark(from).unwrap() != flow.mark(to).unwrap();
    flows.iter().filter(moved).count() as f64 / FLOWS as f64
}

#[test]
fn half_of_flows_move_with_one_mark_more() {
    for marks in [1, 3, 4, 69] {
        let moved = share_moved(&rule(marks, 1), &rule(marks + 1, 1));
        assert!((moved - 0.5).abs() < 0.02, "{marks} marks: {moved}");
    }
}

#[test]
fn all_but_one_of_so_many_marks_move_with_another_seed() {
    for marks in [3, 10] {
        let moved = share_moved(&rule(marks, 1), &rule(marks, 2));
        let expected = 1.0 - 1.0 / f64::from(marks);
        assert!((moved - expected).abs() < 0.02, "{marks} marks: {moved}");
    }
}

#[test]
fn second_stage_spreads_by_another_seed_alone() {
    let first = rule(3, 1);
    let at_one_gateway = |flow: &Flow| flow.mark(&first).unwrap() == 1;
    let flows: Vec<_> = flows().into_iter().filter(at_one_gateway).collect();
    let share = |rule: &Info| {
        let alike = flows.iter().filter(|flow| flow.mark(rule).unwrap() == 1);
        alike.count() as f64 / flows.len() as f64
    };
    assert!((share(&first) - 1.0).abs() < f64::EPSILON);
    assert!((share(&rule(3, 2)) - 1.0 / 3.0).abs() < 0.04);
}

/// A rule of so many marks, of which the cluster began with `from`; the last argument is taken out.
fn grown(marks: u32, from: u32, out: Option<usize>) -> v1::Info {
    let mut rule = v1::Info::from(self::rule(marks, 1));
    rule.masked.v0.flags |= flag::FROM;
    rule.from = from;
    if let Some(out) = out {
        rule.masked.v0.flags |= flag::WEIGHT;
        rule.less[out] = 100;
    }
    rule
}

/// The flows that move, in per cent, all of which move to the mark `to`, or from the mark `of`.
fn moved(before: &v1::Info, after: &v1::Info, to: Option<u32>, of: Option<u32>) -> f64 {
    let marks = |flow: &Flow| (flow.mark(before).unwrap(), flow.mark(after).unwrap());
    let mut moved = 0;
    for (old, new) in flows().iter().map(marks) {
        if old != new {
            assert!(to.is_none_or(|to| to == new) && of.is_none_or(|of| of == old));
            moved += 1;
        }
    }
    100.0 * f64::from(moved) / FLOWS as f64
}

#[test]
fn new_mark_takes_its_share_and_no_other_flow_moves() {
    for (from, to, share) in [(4, 5, 20.0), (70, 71, 1.41)] {
        let moved = moved(
            &grown(from, from, None),
            &grown(to, from, None),
            Some(from),
            None,
        );
        let deviation = 100.0 * (share / 100.0 / FLOWS as f64).sqrt();
        assert!(
            (moved - share).abs() < 3.0 * deviation,
            "{from} to {to}: {moved}"
        );
    }
}

#[test]
fn steps_of_growth_do_not_matter() {
    let at_once = grown(71, 64, None);
    for flow in flows() {
        let mut mark = flow.mark(&grown(64, 64, None)).unwrap();
        for marks in 65..=71 {
            let next = flow.mark(&grown(marks, 64, None)).unwrap();
            assert!(next == mark || next == marks - 1);
            mark = next;
        }
        assert_eq!(mark, flow.mark(&at_once).unwrap());
    }
}

#[test]
fn mark_taken_out_gives_its_flows_to_all_others() {
    let before = grown(70, 70, None);
    let moved = moved(&before, &grown(70, 70, Some(35)), None, Some(35));
    let deviation = 100.0 * (0.0143 / FLOWS as f64).sqrt();
    assert!((moved - 1.43).abs() < 3.0 * deviation, "{moved}");
}

/// The manual page's example of a rule with a key.
#[test]
fn example_of_the_manual_page() {
    let example = Flow {
        transport: Transport::Tcp,
        source: "198.51.100.1:1025".parse().unwrap(),
        destination: "192.0.2.1:80".parse().unwrap(),
    };
    for (marks, from, out, expected) in [
        (4, 4, None, 3),
        (4, 4, Some(3), 2),
        (5, 4, None, 4),
        (5, 4, Some(4), 3),
    ] {
        let mut rule = grown(marks, from, out);
        rule.masked.v0.flags |= flag::KEY;
        rule.key = std::array::from_fn(|place| place as u8);
        for flow in [example, example.reversed()] {
            assert_eq!(flow.mark(&rule).unwrap(), expected);
        }
    }
}
