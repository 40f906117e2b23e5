// SPDX-License-Identifier: GPL-2.0-only

//! Predictions by a rule: marks and reasons, counted.

mod connections;
mod flows;
mod hosts;

use std::io::Cursor;

use super::*;
use crate::flow::Flow;
use crate::flows::Format;
use crate::spread::Amount;

const RULE: &str = "--hmark-mod 4 --hmark-offset 100";

/// A pcap file of raw IP packets, each with its length on the wire.
fn pcap(packets: &[(Vec<u8>, u32)]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 101] {
        file.extend(word.to_le_bytes());
    }
    for (packet, len) in packets {
        for word in [7, 0, packet.len() as u32, *len] {
            file.extend(word.to_le_bytes());
        }
        file.extend(packet);
    }
    file
}

fn packet(flow: &str) -> Vec<u8> {
    flow.parse::<Flow>().unwrap().packet().bytes().to_vec()
}

/// The packet, whole.
fn whole(packet: Vec<u8>) -> (Vec<u8>, u32) {
    let len = packet.len() as u32;
    (packet, len)
}

fn predict_by<J: Judge>(judge: &mut J, packets: &[(Vec<u8>, u32)], most: usize) -> Prediction {
    let capture = Capture::open(Cursor::new(pcap(packets))).unwrap();
    let (prediction, error) = of_capture(capture, judge, most, &mut |_| {});
    assert!(error.is_none());
    prediction
}

fn predict(rule: &str, packets: &[(Vec<u8>, u32)]) -> Prediction {
    predict_by(&mut Alone::read(rule).unwrap(), packets, MOST_FLOWS)
}

/// Mark, flows and packets of each mark that has some.
fn marks(prediction: &Prediction) -> Vec<(u32, u64, u64)> {
    let shares = prediction.spread.shares();
    let shares = shares.iter().filter(|share| share.amount.packets > 0);
    shares
        .map(|share| (share.mark, share.amount.flows, share.amount.packets))
        .collect()
}

fn reasons(reasons: &[(Reason, Amount)]) -> Vec<(String, u64)> {
    let reasons = reasons.iter();
    reasons
        .map(|(reason, amount)| (reason.to_string(), amount.packets))
        .collect()
}

/// The mark of a flow by a rule, without any of what is tested here.
fn mark_of(rule: &str, flow: &str) -> u32 {
    let flow: Flow = flow.parse().unwrap();
    let (rule, _) = hmark_text::read(rule, flow.family()).unwrap();
    let mut packet = flow.packet();
    packet.connection = Some(flow.connection());
    hmark::mark(flow.family(), &packet, &rule).unwrap()
}

#[test]
fn what_was_not_captured_is_not_guessed() {
    let flow = "tcp 10.0.0.1:1 10.0.0.2:2";
    let snapped = (packet(flow)[..22].to_vec(), 40);
    let prediction = predict(RULE, &[snapped]);
    let reason = "too little of the packet was captured".to_owned();
    assert_eq!(reasons(&prediction.cannot_tell), [(reason, 1)]);
    assert_eq!(prediction.whole().flows, 0);
    // All that the rule reads is there.
    let snapped = (packet(flow)[..24].to_vec(), 40);
    let prediction = predict(RULE, &[snapped]);
    assert_eq!(marks(&prediction), [(mark_of(RULE, flow), 1, 1)]);
    // A rule that hashes addresses alone needs no ports, which would tell flows apart.
    let rule = "--hmark-tuple src,dst --hmark-mod 1000";
    let snapped = (packet(flow)[..20].to_vec(), 40);
    let prediction = predict(rule, &[snapped]);
    assert_eq!(marks(&prediction), [(mark_of(rule, flow), 0, 1)]);
}

#[test]
fn a_rule_of_one_family_leaves_the_other_alone() {
    let rule = "--hmark-src-prefix 64 --hmark-dst-prefix 64 --hmark-mod 4";
    let packets = ["tcp 10.0.0.1:1 10.0.0.2:2", "tcp [fd00::1]:1 [fd00::2]:2"];
    let prediction = predict(rule, &packets.map(|flow| whole(packet(flow))));
    assert_eq!(marks(&prediction), [(mark_of(rule, packets[1]), 1, 1)]);
    assert_eq!(prediction.unmarked.len(), 1);
    assert!(Alone::read("--hmark-mod 0").is_err());
}

#[test]
fn many_flows_are_shared_as_weights_say() {
    let line = |flow: u32| {
        let (high, low, port) = (flow >> 8, flow & 255, 1024 + flow);
        format!("tcp,10.0.{high}.{low},{port},192.0.2.1,443,2,100\n")
    };
    let text = (0..20_000).map(line).collect::<Vec<_>>().concat();
    let rule = "--hmark-mod 4 --hmark-offset 100 --hmark-weight 1=50,3=0";
    let list = List::new(Cursor::new(text), Format::Csv);
    let mut alone = Alone::read(rule).unwrap();
    let (prediction, error) = of_list(list, &mut alone, MOST_FLOWS, &mut |_| {});
    assert!(error.is_none() && prediction.has_packets && prediction.has_bytes);
    let shares = prediction.spread.shares();
    assert_eq!(shares.len(), 4);
    for (share, expected) in shares.iter().zip([0.4, 0.2, 0.4, 0.0]) {
        assert!((share.expected.unwrap() - expected).abs() < 1e-12);
    }
    for share in &shares {
        assert!(
            (share.share - share.expected.unwrap()).abs() < 0.02,
            "{share:?}"
        );
        assert_eq!(share.amount.packets, share.amount.flows * 2);
    }
    let chi_square = prediction.spread.chi_square().unwrap();
    assert!(
        chi_square.passes() && chi_square.degrees() == 2,
        "{chi_square}"
    );
    assert_eq!(prediction.whole().bytes, 2_000_000);
}
