// SPDX-License-Identifier: GPL-2.0-only

//! Random rules, most of them right, and some spoilt.

use std::net::{Ipv4Addr, Ipv6Addr};

use fastrand::Rng;
use hmark::rule::v0::flag;
use hmark_text::{Kind, Row, OPTIONS};

use super::candidate::{selected, Candidate};
use crate::family::Family;

/// One rule in this many is spoilt. Each of these costs one process for each library, which ends
/// there.
const SPOILT: u32 = 40;

/// Makes a random rule.
pub fn candidate(rng: &mut Rng, family: Family) -> Candidate {
    let mut options = options(rng, family);
    if rng.u32(..SPOILT) == 0 {
        spoil(rng, &mut options, family);
    }
    Candidate::new(options)
}

/// Makes a random rule that ours accepts.
pub fn correct(rng: &mut Rng, family: Family) -> Candidate {
    Candidate::new(options(rng, family))
}

/// Makes a random rule that ours accepts, most of them with options of revision 1.
pub fn revision_1(rng: &mut Rng, family: Family) -> Candidate {
    let has_key = rng.bool();
    let may_have_ct = rng.bool();
    let replaced = flag::MODULUS
        | flag::OFFSET
        | if has_key { flag::RND } else { 0 }
        | if may_have_ct { 0 } else { flag::CT };
    let mut options: Vec<_> = options(rng, family)
        .into_iter()
        .filter(|option| !Candidate::parse(option).gives(replaced))
        .collect();
    let marks = rng.u32(1..=256);
    options.push(format!("--hmark-mod {marks}"));
    if rng.bool() {
        let width = rng.u32(8..=16);
        let shift = rng.u32(..=32 - width);
        let room = (1 << width) - marks;
        options.push(format!(
            "--hmark-mask {:#x}",
            ((1_u32 << width) - 1) << shift
        ));
        options.push(format!("--hmark-offset {}", rng.u32(..=room) << shift));
    }
    if rng.bool() {
        options.push(format!("--hmark-from {}", rng.u32(1..=marks)));
    }
    if rng.bool() {
        options.push(format!("--hmark-weight {}", weights(rng, marks)));
    }
    if has_key {
        let key = format!("{:032x}", rng.u128(..));
        let key = if rng.bool() { key } else { key.to_uppercase() };
        options.push(format!("--hmark-key {key}"));
    }
    if !may_have_ct && rng.bool() {
        options.push(format!("--hmark-inner {}", tunnels(rng)));
    }
    if !may_have_ct && rng.bool() {
        options.push("--hmark-reverse-errors".to_owned());
    }
    rng.shuffle(&mut options);
    Candidate::new(options)
}

/// Weights of some marks, in any order. The last mark keeps one.
fn weights(rng: &mut Rng, marks: u32) -> String {
    let mut elements = Vec::new();
    let mut mark = rng.u32(..4);
    while mark < marks && elements.len() < 60 {
        let last = (mark + rng.u32(..5)).min(marks - 1);
        let weight = rng.u32(u32::from(last + 1 == marks)..=100);
        elements.push(match last == mark {
            true => format!("{mark}={weight}"),
            false => format!("{mark}-{last}={weight}"),
        });
        mark = last + 1 + rng.u32(..4);
    }
    if elements.is_empty() {
        elements.push("0=1".to_owned());
    }
    rng.shuffle(&mut elements);
    elements.join(",")
}

/// Some tunnels, in any order, each with a port of its own where it has one.
fn tunnels(rng: &mut Rng) -> String {
    let mut tunnels = Vec::new();
    for (name, first) in [("gtpu", 10_000), ("vxlan", 20_000), ("geneve", 30_000)] {
        tunnels.push(match rng.bool() {
            true => name.to_owned(),
            false => format!("{name}:{}", first + rng.u32(..10_000)),
        });
    }
    tunnels.extend(["gre", "ipip"].map(str::to_owned));
    rng.shuffle(&mut tunnels);
    tunnels.truncate(rng.usize(1..=tunnels.len()));
    tunnels.join(",")
}

fn options(rng: &mut Rng, family: Family) -> Vec<String> {
    let either = |rng: &mut Rng, spi, ports| if rng.bool() { spi } else { ports };
    let left_out = either(rng, flag::SPI_MASK, flag::SPORT_MASK | flag::DPORT_MASK)
        | either(rng, flag::SPI, flag::SPORT | flag::DPORT);
    let mut tuple = Vec::new();
    let mut options = Vec::new();
    let of_both = |row: &&Row| row.revision() == 0 && row.flag & left_out == 0;
    for row in OPTIONS.iter().filter(of_both) {
        let is_given = match (row.flag, rng.u32(..6)) {
            (flag::MODULUS, _) => true,
            (flag::RND, chance) => chance > 0,
            (_, chance) => chance < 2,
        };
        match row.selector {
            Some(name) if rng.u32(..4) == 0 => tuple.push(selector(rng, name)),
            _ if is_given => {
                let value = match &row.kind {
                    Kind::Prefix(_) => prefix_length(rng, family),
                    Kind::Number(field) => number(rng, *field.range.start(), *field.range.end()),
                    _ => continue,
                };
                options.push(option(rng, row, &value));
            }
            _ => {}
        }
    }
    if !tuple.is_empty() {
        rng.shuffle(&mut tuple);
        let row = OPTIONS.iter().find(|row| row.flag == flag::CT);
        options.extend(row.map(|row| option(rng, row, &tuple.join(","))));
    }
    rng.shuffle(&mut options);
    options
}

/// Changes one thing, which usually makes a rule wrong.
fn spoil(rng: &mut Rng, options: &mut Vec<String>, family: Family) {
    let at = rng.usize(..options.len());
    match rng.u32(..7) {
        0 => options.push(options[at].clone()),
        1 => options[at].insert_str(0, "! "),
        2 => drop(options.remove(at)),
        3 => options[at].push(*rng.choice(b",x- .:0").unwrap_or(&b',') as char),
        4 => {
            options[at].pop();
        }
        5 => {
            let address = address(rng.u128(..), family);
            options.push(format!("--hmark-dst-prefix {address}"));
        }
        _ => {
            let rows: Vec<_> = OPTIONS.iter().filter(|row| row.revision() == 0).collect();
            let name = name(rows[rng.usize(..rows.len())]);
            let values = "src 1 65536 4294967296 -1 \"\" 255.0.255.0".split(' ');
            let values: Vec<_> = values.collect();
            options.push(format!("--{name} {}", values[rng.usize(..values.len())]));
        }
    }
}

fn name(row: &Row) -> &'static str {
    row.name.to_str().unwrap_or_default()
}

/// An option, sometimes abbreviated, with its value after a blank or `=`.
fn option(rng: &mut Rng, row: &Row, value: &str) -> String {
    let is_row = |short: &str| {
        let found = hmark_text::option(short.as_bytes());
        found.is_some_and(|found| found.flag == row.flag)
    };
    let name = abbreviated(rng, name(row), 8, is_row);
    let equals = if rng.u32(..16) == 0 { '=' } else { ' ' };
    format!("--{name}{equals}{value}")
}

/// The name of a selector, sometimes abbreviated or in upper case.
fn selector(rng: &mut Rng, name: &str) -> String {
    let is_it = |short: &str| selected(short).is_some_and(|row| row.selector == Some(name));
    let name = abbreviated(rng, name, 4, is_it);
    match rng.u32(..8) {
        0 => name.to_ascii_uppercase(),
        _ => name.to_owned(),
    }
}

/// A name, once in `rarely` times cut off where it still is this name.
fn abbreviated<'n>(
    rng: &mut Rng,
    name: &'n str,
    rarely: u32,
    is_it: impl Fn(&str) -> bool,
) -> &'n str {
    let shortest = (1..name.len()).find(|&length| is_it(&name[..length]));
    let shortest = shortest.unwrap_or(name.len());
    match rng.u32(..rarely) {
        0 => &name[..rng.usize(shortest..=name.len())],
        _ => name,
    }
}

/// A number of a range, in one of the accepted notations.
fn number(rng: &mut Rng, min: u32, max: u32) -> String {
    let number = match rng.u32(..6) {
        0 => min,
        1 => max,
        2 => 1 << rng.u32(..=max.ilog2()),
        3 => rng.u32(min..256),
        _ => rng.u32(min..=max),
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

/// A prefix length, or a netmask that has one.
fn prefix_length(rng: &mut Rng, family: Family) -> String {
    let length = rng.u32(..=family.address_bits());
    match rng.u32(..4) {
        0 => address(u128::MAX.checked_shl(128 - length).unwrap_or(0), family),
        1 => format!("{length:#x}"),
        _ => length.to_string(),
    }
}

/// An address, from the first of these bits on.
fn address(bits: u128, family: Family) -> String {
    match family {
        Family::Ipv4 => Ipv4Addr::from_bits((bits >> 96) as u32).to_string(),
        Family::Ipv6 => Ipv6Addr::from_bits(bits).to_string(),
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

    #[test]
    fn each_option_and_selector_is_made() {
        let mut rng = Rng::with_seed(1);
        let texts: Vec<_> = (0..1000)
            .flat_map(|_| {
                let makers: [fn(&mut Rng, Family) -> Candidate; 2] = [correct, revision_1];
                makers.map(|make| make(&mut rng, Family::Ipv4).to_string() + " ")
            })
            .collect();
        for row in &OPTIONS {
            let name = format!("--{} ", name(row));
            assert!(texts.iter().any(|text| text.contains(&name)), "{name}");
            let elements = |text: &String| Candidate::parse(text).selected() & row.flag != 0;
            assert!(
                row.selector.is_none() || texts.iter().any(elements),
                "{name}"
            );
        }
    }

    /// Both readers make the same of it, and our library saves it as such.
    #[test]
    fn rules_of_revision_1_are_right() {
        let mut rng = Rng::with_seed(2);
        for family in Family::ALL {
            for _ in 0..1000 {
                let candidate = revision_1(&mut rng, family);
                let saved = candidate.saved(family).unwrap();
                let (rule, _) = hmark_text::read(&saved, family).unwrap();
                let read = crate::options::parse_v1(&saved, family);
                assert_eq!(read.unwrap(), rule, "{candidate}");
            }
        }
    }
}
