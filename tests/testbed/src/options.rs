// SPDX-License-Identifier: GPL-2.0-only

//! The rule that an iptables rule text means. Its values are read independently of both libraries.

use std::ffi::CStr;

use anyhow::{ensure, Context, Result};
use hmark::rule::v1::Info;
use hmark::rule::{inner, v0};
use hmark_text::{Kind, Row, OPTIONS};

use crate::family::Family;

/// Parses the HMARK options of a rule text of revision 0, such as `iptables-save` prints. There are no
/// defaults.
///
/// # Errors
/// If an option or its value is unknown, or of revision 1.
pub fn parse(text: &str, family: Family) -> Result<v0::Info> {
    let rule = parse_v1(text, family)?;
    let v0 = rule.masked.v0;
    ensure!(
        rule == Info::from(v0) && !v0.has(!v0::flag::ALL),
        "a rule of revision 1"
    );
    Ok(v0)
}

/// Parses the same of any revision.
///
/// # Errors
/// If an option or its value is unknown.
pub fn parse_v1(text: &str, family: Family) -> Result<Info> {
    let mut rule = Info::default();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        if !word.starts_with("--hmark-") {
            continue;
        }
        let value = match word {
            "--hmark-reverse-errors" => "",
            _ => words.next().with_context(|| format!("{word}: no value"))?,
        };
        set(&mut rule, &word[2..], value, family).with_context(|| format!("{word} {value}"))?;
    }
    Ok(rule)
}

fn set(rule: &mut Info, name: &str, value: &str, family: Family) -> Result<()> {
    let is_named = |full: &CStr| full.to_bytes() == name.as_bytes();
    let row = OPTIONS.iter().find(|row| is_named(row.name));
    let row = row.context("unknown option")?;
    if let Kind::Selectors = row.kind {
        for name in value.split(',') {
            let row = OPTIONS.iter().find(|row| row.selector == Some(name));
            let row = row.with_context(|| format!("unknown word {name}"))?;
            put(rule, row, None, family)?;
        }
        return Ok(());
    }
    if matches!(
        row.kind,
        Kind::Weights | Kind::Key | Kind::Tunnels | Kind::Switch
    ) {
        rule.masked.v0.flags |= row.flag;
        return match row.kind {
            Kind::Weights => weigh(rule, value),
            Kind::Key => {
                rule.key = u128::from_str_radix(value, 16)?.to_be_bytes();
                Ok(())
            }
            Kind::Tunnels => look_into(rule, value),
            _ => Ok(()),
        };
    }
    let number = match value.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16)?,
        None => value.parse()?,
    };
    put(rule, row, Some(number), family)
}

/// Gives an option a number, or else its highest one.
fn put(rule: &mut Info, row: &Row, number: Option<u32>, family: Family) -> Result<()> {
    rule.masked.v0.flags |= row.flag;
    let highest = match &row.kind {
        Kind::Prefix(_) => family.address_bits(),
        Kind::Number(field) | Kind::Ones(field) => *field.range.end(),
        _ => return Ok(()),
    };
    let number = number.unwrap_or(highest);
    ensure!(number <= highest, "over {highest}");
    match &row.kind {
        Kind::Prefix(prefix) => *(prefix.get_mut)(rule) = mask(number),
        Kind::Number(field) | Kind::Ones(field) => (field.set)(rule, number),
        _ => {}
    }
    Ok(())
}

/// Reads weights, such as `12=50,64-69=25`.
fn weigh(rule: &mut Info, list: &str) -> Result<()> {
    for element in list.split(',') {
        let (marks, weight) = element.split_once('=').context("no weight")?;
        let (first, last) = marks.split_once('-').unwrap_or((marks, marks));
        let weight: u8 = weight.parse()?;
        for mark in first.parse()?..=last.parse()? {
            let less: &mut u8 = rule.less.get_mut::<usize>(mark).context("no such mark")?;
            *less = 100_u8.checked_sub(weight).context("over 100")?;
        }
    }
    Ok(())
}

/// Reads tunnels, such as `gre,vxlan:8472`.
fn look_into(rule: &mut Info, list: &str) -> Result<()> {
    for element in list.split(',') {
        let (name, port) = match element.split_once(':') {
            Some((name, port)) => (name, Some(port.parse()?)),
            None => (element, None),
        };
        rule.inner |= match name {
            "gtpu" => {
                rule.gtpu_port = port.unwrap_or(2152);
                inner::GTPU
            }
            "vxlan" => {
                rule.vxlan_port = port.unwrap_or(4789);
                inner::VXLAN
            }
            "geneve" => {
                rule.geneve_port = port.unwrap_or(6081);
                inner::GENEVE
            }
            "gre" => inner::GRE,
            "ipip" => inner::IPIP,
            _ => anyhow::bail!("unknown tunnel {name}"),
        };
    }
    Ok(())
}

/// The mask of a prefix length, in network byte order.
fn mask(length: u32) -> [u32; 4] {
    let bytes = u128::MAX
        .checked_shl(128 - length)
        .unwrap_or(0)
        .to_be_bytes();
    std::array::from_fn(|word| {
        u32::from_ne_bytes(std::array::from_fn(|byte| bytes[word * 4 + byte]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_saved_and_the_short_form_are_one_rule() -> Result<()> {
        let short = parse(
            "--hmark-tuple src,dst,sport,dport,proto --hmark-mod 4 --hmark-rnd 0xc175a3b8",
            Family::Ipv6,
        )?;
        let long = parse(
            "--hmark-src-prefix 128 --hmark-dst-prefix 128 --hmark-sport-mask 0xffff \
             --hmark-dport-mask 0xffff --hmark-proto-mask 0xffff --hmark-rnd 3245712312 \
             --hmark-mod 4",
            Family::Ipv6,
        )?;
        assert_eq!(short, long);
        Ok(())
    }

    #[test]
    fn masks_lie_in_network_byte_order() -> Result<()> {
        let rule = parse("--hmark-src-prefix 20 --hmark-dport 80", Family::Ipv4)?;
        assert_eq!(rule.src_mask[0].to_ne_bytes(), [0xff, 0xff, 0xf0, 0]);
        assert_eq!(rule.port_set.to_ne_bytes(), [0, 0, 0, 80]);
        assert!(parse("--hmark-src-prefix 33", Family::Ipv4).is_err());
        assert!(parse("--hmark-from 1", Family::Ipv4).is_err());
        assert!(parse("--hmark-colour 1", Family::Ipv4).is_err());
        Ok(())
    }
}
