// SPDX-License-Identifier: GPL-2.0-only

//! Checks rules and packets of revision 1 that the generator of the fuzzing in the kernel makes,
//! written as inputs of the fuzzer. With a folder in `HMARK_SEEDS`, they are left there, for the
//! fuzzer to start from.

use hmark::rule::{v0, v1};
use hmark::Family;
use hmark_libfuzzer::{check_v1, Checked, Found};
use packets::{generate, wire, Bytes, Random};

const INPUTS: u64 = 20_000;

/// The input of this number.
fn input(number: u64, bytes: &mut Bytes) -> Vec<u8> {
    let mut random = Random::new(number);
    let family = random.pick(&Family::ALL);
    let rule = match random.below(5) {
        0..2 => generate::sharp_rule_v1(),
        _ => generate::rule_v1(&mut random),
    };
    generate::packet_v1(family, bytes, &mut random);
    let kind = match (rule.has(v0::flag::CT), family) {
        (true, _) => b'c',
        (false, Family::Ipv4) => b'4',
        (false, Family::Ipv6) => b'6',
    };
    // Rules that have to be refused stay as they are.
    let repair = random.pick(&[0, 0, 0xff]);
    let mut input = vec![kind, repair];
    for _ in 0..4 {
        input.extend(random.u16().to_le_bytes());
    }
    let rule_bytes = wire::rule_v1(&little_endian(rule));
    let (head, weights) = rule_bytes.split_at(96);
    input.extend(head);
    if rule.has(v1::flag::WEIGHT) {
        let exceptions = (0..=255)
            .zip(weights)
            .filter(|&(_, less)| *less != 0)
            .take(7);
        let exceptions: Vec<(u8, u8)> = exceptions.map(|(mark, less)| (mark, *less)).collect();
        input.extend([random.pick(&[0, 0, 50, 100]), exceptions.len() as u8]);
        input.extend(exceptions.iter().flat_map(|&(mark, less)| [mark, less]));
    }
    input.extend(bytes.as_slice().iter().take(700));
    input
}

/// The rule with its numbers in host byte order as an input has them on any machine.
fn little_endian(mut rule: v1::Info) -> v1::Info {
    let v1::Masked { v0, mark_mask } = &mut rule.masked;
    for number in [
        &mut v0.flags,
        &mut v0.hashrnd,
        &mut v0.hmodulus,
        &mut v0.hoffset,
        mark_mask,
        &mut rule.from,
    ] {
        *number = number.to_le();
    }
    for number in [
        &mut v0.proto_mask,
        &mut rule.gtpu_port,
        &mut rule.vxlan_port,
        &mut rule.geneve_port,
    ] {
        *number = number.to_le();
    }
    rule
}

#[test]
fn generated_inputs() {
    let seeds = std::env::var("HMARK_SEEDS").ok();
    let mut bytes = Box::new(Bytes::default());
    let (mut inner, mut refused, mut connections) = (0, 0, 0);
    for number in 0..INPUTS {
        let input = input(number, &mut bytes);
        if let Some(folder) = &seeds {
            let path = format!("{folder}/{number:05}");
            std::fs::write(path, &input).expect("seeds can be written");
        }
        match check_v1(&input).expect("the input is long enough") {
            Checked::Packet(Found::Tuple(place)) => inner += u64::from(place.inner),
            Checked::Packet(_) => {}
            Checked::Refused => refused += 1,
            Checked::Connection => connections += 1,
        }
    }
    println!("{inner} inside tunnels, {refused} rules refused, {connections} connections");
    for count in [inner, refused, connections] {
        assert!(count > INPUTS / 50, "{inner} {refused} {connections}");
    }
}
