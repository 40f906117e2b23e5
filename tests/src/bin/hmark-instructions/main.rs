// SPDX-License-Identifier: GPL-2.0-only

//! Instructions that `hmark` takes for a packet, in user space, counted by callgrind and held
//! against limits: a change that slows the walk is seen at once, on any machine.
//!
//! With the number of a kind and of packets as arguments it marks these, which is what is counted.

mod limits;

use std::env;
use std::hint::black_box;
use std::process::{Command, ExitCode};

use anyhow::{ensure, Context, Result};
use hmark::rule::v0::Info;
use hmark::{rule, Connection, Ends, Family, Packet};
use libtest_mimic::{Arguments, Failed, Trial};

#[allow(dead_code, unused_imports)] // each user takes its part
#[path = "../../../kmod/generate/mod.rs"]
mod generate;
#[allow(dead_code)] // each user takes its part
#[path = "../../../kmod/kinds.rs"]
mod kinds;

use generate::{Bytes, Conntrack};
use kinds::{Kind, KINDS};

/// Packets of two runs: what they differ by is what so many packets take.
const PACKETS: [u64; 2] = [1_000, 3_000];

fn main() -> ExitCode {
    if let [kind, packets] = &env::args().skip(1).collect::<Vec<_>>()[..] {
        if let (Ok(kind), Ok(packets)) = (kind.parse::<usize>(), packets.parse()) {
            mark(&KINDS[kind], packets);
            return ExitCode::SUCCESS;
        }
    }
    // Packets in pages are the kernel's alone.
    let kinds = KINDS
        .iter()
        .enumerate()
        .filter(|(_, kind)| !kind.is_paged());
    let trials = kinds
        .map(|(number, kind)| {
            Trial::test(kind.name, move || {
                check(number, kind.name).map_err(|error| Failed::from(format!("{error:#}")))
            })
        })
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Marks a packet of the kind again and again.
fn mark(kind: &Kind, packets: u64) {
    let mut bytes = Box::new(Bytes::default());
    kind.packet(1, &mut bytes);
    let (packet, rule) = (bytes.as_slice(), kind.rule());
    let connection = connection(&kind.connection(1));
    for _ in 0..packets {
        let (packet, rule) = (black_box(packet), black_box(&rule));
        black_box(match &connection {
            Some(connection) => mark_one(kind.family, black_box(connection), rule),
            None => mark_one(kind.family, packet, rule),
        });
    }
}

/// One function for each family, as in the kernel module.
fn mark_one<P: Packet + ?Sized>(family: Family, packet: &P, rule: &Info) -> Option<u32> {
    match family {
        Family::Ipv4 => mark_ipv4(packet, rule),
        Family::Ipv6 => mark_ipv6(packet, rule),
    }
}

#[inline(never)]
fn mark_ipv4<P: Packet + ?Sized>(packet: &P, rule: &Info) -> Option<u32> {
    hmark::mark(Family::Ipv4, packet, rule)
}

#[inline(never)]
fn mark_ipv6<P: Packet + ?Sized>(packet: &P, rule: &Info) -> Option<u32> {
    hmark::mark(Family::Ipv6, packet, rule)
}

fn connection(conntrack: &Conntrack) -> Option<Connection> {
    let [original, reply] = conntrack.ends?;
    let words = |address: [u8; 16]| {
        let address: [[u8; 4]; 4] =
            std::array::from_fn(|word| std::array::from_fn(|byte| address[word * 4 + byte]));
        address.map(u32::from_ne_bytes)
    };
    Some(Connection {
        ends: Ends::new(
            original.l3num,
            words(original.address),
            words(reply.address),
        ),
        protocol: original.protocol,
        original_port: original.port,
        reply_port: reply.port,
    })
}

/// Counts the instructions that a packet takes, and compares.
fn check(number: usize, name: &str) -> Result<()> {
    let [few, many] = PACKETS;
    let whole = count(number, many)?
        .checked_sub(count(number, few)?)
        .context("more packets take fewer instructions")?;
    let taken = whole.div_ceil(many - few);
    let limit = limits::of(name).with_context(|| format!("limits.rs has no `{name}`"))?;
    println!("{name}: {taken} instructions, of {limit} at most");
    ensure!(
        taken <= limit,
        "a packet takes {taken} instructions, {limit} at most: is that worth it?"
    );
    Ok(())
}

/// Counts the instructions of this program with so many packets.
fn count(number: usize, packets: u64) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe()?)
        .args([number.to_string(), packets.to_string()])
        .output()
        .context("cannot run valgrind; is it installed?")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {said}", output.status);
    said.lines()
        .find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
        .with_context(|| format!("valgrind counted nothing: {said}"))
}
