// SPDX-License-Identifier: GPL-2.0-only

//! Random rules, most of them right, and some spoilt.

use crate::family::Family;
use fastrand::Rng;

use super::candidate::{Candidate, OPTIONS};

/// Elements of `--hmark-tuple`, and the mask option that may replace each.
const ADDRESSES: [(&str, &str); 2] = [("src", "src-prefix"), ("dst", "dst-prefix")];

/// One rule in this many is spoilt. Each of these costs one process for each library, which ends
/// there.
const SPOILT: u32 = 40;

/// Makes a random rule.
pub fn candidate(rng: &mut Rng, family: Family) -> Candidate {
    let mut options = options(rng, family);
    if rng.u32(..SPOILT) == 0 {
        spoil(rng, &mut options);
    }
    Candidate::new(options)
}

/// Makes a random rule that ours accepts.
pub fn correct(rng: &mut Rng, family: Family) -> Candidate {
    Candidate::new(options(rng, family))
}

fn options(rng: &mut Rng, family: Family) -> Vec<String> {
    let mut tuple = Vec::new();
    let mut options = Vec::new();
    let mut add =
        |rng: &mut Rng, name: &str, value: String| options.push(option(rng, name, &value));

    for (name, prefix) in ADDRESSES {
        match rng.u32(..4) {
            0 => tuple.push(name),
            1 | 2 => {
                let value = prefix_length(rng, family);
                add(rng, prefix, value);
            }
            _ => {}
        }
    }
    let (masks, bits): (&[_], u32) = match rng.bool() {
        true => (&["sport", "dport"], 16),
        false => (&["spi"], 32),
    };
    for name in masks {
        match rng.u32(..3) {
            0 => tuple.push(name),
            1 => {
                let value = number(rng, bits);
                add(rng, &format!("{name}-mask"), value);
            }
            _ => {}
        }
    }
    let (sets, bits): (&[_], u32) = match rng.bool() {
        true => (&["sport", "dport"], 16),
        false => (&["spi"], 32),
    };
    for name in sets {
        if rng.u32(..4) == 0 {
            let value = number(rng, bits);
            add(rng, name, value);
        }
    }
    match rng.u32(..3) {
        0 => tuple.push("proto"),
        1 => {
            let value = number(rng, 16);
            add(rng, "proto-mask", value);
        }
        _ => {}
    }
    if rng.u32(..5) == 0 {
        tuple.push("ct");
    }
    if !tuple.is_empty() {
        rng.shuffle(&mut tuple);
        let names: Vec<_> = tuple.iter().map(|name| selector(rng, name)).collect();
        add(rng, "tuple", names.join(","));
    }
    let value = number(rng, 32);
    match value.trim_start_matches(['0', 'x', 'X', '+']) {
        "" => add(rng, "mod", "1".to_owned()),
        _ => add(rng, "mod", value),
    }
    if rng.u32(..10) > 0 {
        let value = number(rng, 32);
        add(rng, "rnd", value);
    }
    if rng.bool() {
        let value = number(rng, 32);
        add(rng, "offset", value);
    }
    rng.shuffle(&mut options);
    options
}

/// Changes one thing, which usually makes a rule wrong.
fn spoil(rng: &mut Rng, options: &mut Vec<String>) {
    let at = rng.usize(..options.len());
    match rng.u32(..6) {
        0 => options.push(options[at].clone()),
        1 => options[at].insert_str(0, "! "),
        2 => drop(options.remove(at)),
        3 => options[at].push(*rng.choice(b",x- .:0").unwrap_or(&b',') as char),
        4 => {
            options[at].pop();
        }
        _ => {
            let name = OPTIONS[rng.usize(..OPTIONS.len())];
            let value = [
                "src",
                "1",
                "65536",
                "4294967296",
                "-1",
                "\"\"",
                "255.0.255.0",
            ];
            options.push(format!("--{name} {}", value[rng.usize(..value.len())]));
        }
    }
}

/// An option, sometimes abbreviated, with its value after a blank or `=`.
fn option(rng: &mut Rng, name: &str, value: &str) -> String {
    let name = format!("hmark-{name}");
    let shortest = (1..name.len())
        .find(|&length| {
            let fits = |option: &&&str| option.starts_with(&name[..length]);
            OPTIONS.iter().filter(fits).count() == 1
        })
        .unwrap_or(name.len());
    let length = match rng.u32(..8) {
        0 => rng.usize(shortest..=name.len()),
        _ => name.len(),
    };
    let equals = if rng.u32(..16) == 0 { '=' } else { ' ' };
    format!("--{}{equals}{value}", &name[..length])
}

/// The name of a selector, sometimes abbreviated or in upper case.
fn selector(rng: &mut Rng, name: &str) -> String {
    // As single letters, `s` means src and `d` means dst; `sp` means sport.
    let shortest = match name {
        "sport" | "dport" => 2,
        "spi" => 3,
        _ => 1,
    };
    let length = match rng.u32(..4) {
        0 => rng.usize(shortest..=name.len()),
        _ => name.len(),
    };
    match rng.u32(..8) {
        0 => name[..length].to_ascii_uppercase(),
        _ => name[..length].to_owned(),
    }
}

/// A number of at most `bits` bits, in one of the accepted notations.
fn number(rng: &mut Rng, bits: u32) -> String {
    let max = u32::MAX >> (32 - bits);
    let number = match rng.u32(..6) {
        0 => 0,
        1 => max,
        2 => 1 << rng.u32(..bits),
        3 => rng.u32(..256),
        _ => rng.u32(..=max),
    };
    match rng.u32(..8) {
        0 => format!("0{number:o}"),
        1 => format!("+{number}"),
        2 => format!("0X{number:X}"),
        3 => format!("0x{number:08x}"),
        4 | 5 => format!("{number:#x}"),
        _ => number.to_string(),
    }
}

/// A prefix length, or a netmask that has one, or, rarely, a netmask that has none.
fn prefix_length(rng: &mut Rng, family: Family) -> String {
    let bits = family.address_bits();
    let length = rng.u32(..=bits);
    let mask = match rng.u32(..100) {
        0 => rng.u128(..),
        _ => u128::MAX.checked_shl(128 - length).unwrap_or(0),
    };
    match (rng.u32(..4), family) {
        (0, Family::Ipv4) => std::net::Ipv4Addr::from_bits((mask >> 96) as u32).to_string(),
        (0, Family::Ipv6) => std::net::Ipv6Addr::from_bits(mask).to_string(),
        (1, _) => format!("{length:#x}"),
        _ => length.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_rules() {
        let candidates = |seed| {
            let mut rng = Rng::with_seed(seed);
            (0..100)
                .map(|_| candidate(&mut rng, Family::Ipv6))
                .collect::<Vec<_>>()
        };
        assert_eq!(candidates(1), candidates(1));
        assert_ne!(candidates(1), candidates(2));
    }
}
