// SPDX-License-Identifier: GPL-2.0-only

//! The numbers of flows that move to another mark, as `docs/choosing.md` states them.

use hmark::rule::v0::Info;
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

fn share_moved(from: &Info, to: &Info) -> f64 {
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
