// SPDX-License-Identifier: GPL-2.0-only

//! `instructions KIND PACKETS`: marks so many packets of each flow of one kind. Without arguments, it
//! lists all kinds.
//!
//! It is built with the optimisation of kernels for speed and with that of kernels for size, and
//! `hmark-instructions` counts the instructions that it executes.

use std::env;
use std::hint::black_box;
use std::process::ExitCode;

use hmark::rule::Rule;
use hmark::{Family, Packet};
use packets::kinds::{Kind, KINDS};
use packets::Bytes;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match &arguments[..] {
        [] => {
            // Only the kernel has packets in pages.
            for kind in KINDS.iter().filter(|kind| !kind.is_paged()) {
                println!("{}", kind.name);
            }
            ExitCode::SUCCESS
        }
        [name, packets] => {
            let kind = KINDS.iter().find(|kind| kind.name == name);
            let (Some(kind), Ok(packets)) = (kind, packets.parse()) else {
                eprintln!("instructions: no kind '{name}', or no number '{packets}'");
                return ExitCode::FAILURE;
            };
            mark_many(kind, packets);
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: instructions [KIND PACKETS]");
            ExitCode::FAILURE
        }
    }
}

fn mark_many(kind: &Kind, packets: u64) {
    match kind.rule_v1() {
        Some(rule) => mark_all_flows(kind, &rule, packets),
        None => mark_all_flows(kind, &kind.rule(), packets),
    }
}

fn mark_all_flows<R: Rule>(kind: &Kind, rule: &R, packets: u64) {
    let mut bytes = Box::new(Bytes::default());
    for flow in 0..kind.flows() {
        kind.packet(flow as u8, &mut bytes);
        let packet = bytes.as_slice();
        let connection = kind.conntrack(flow as u8).connection();
        for _ in 0..packets {
            let (packet, rule) = (black_box(packet), black_box(rule));
            black_box(match (kind.family, &connection) {
                (Family::Ipv4, None) => mark_ipv4(packet, rule),
                (Family::Ipv6, None) => mark_ipv6(packet, rule),
                (Family::Ipv4, Some(connection)) => mark_ipv4(black_box(connection), rule),
                (Family::Ipv6, Some(connection)) => mark_ipv6(black_box(connection), rule),
            });
        }
    }
}

// There is a function for each family, as in the kernel module.

#[inline(never)]
fn mark_ipv4<P: Packet + ?Sized, R: Rule>(packet: &P, rule: &R) -> Option<u32> {
    hmark::mark(Family::Ipv4, packet, rule)
}

#[inline(never)]
fn mark_ipv6<P: Packet + ?Sized, R: Rule>(packet: &P, rule: &R) -> Option<u32> {
    hmark::mark(Family::Ipv6, packet, rule)
}
