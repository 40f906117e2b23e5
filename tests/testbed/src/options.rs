// SPDX-License-Identifier: GPL-2.0-only

//! The rule that an iptables rule text means, parsed independently of both libraries.

use anyhow::{bail, Context, Result};
use hmark::rule::v0::{flag, Info};

use crate::family::Family;

/// Parses the HMARK options of a rule text, such as `iptables-save` prints. There are no defaults.
///
/// # Errors
/// If an option or its value is unknown.
pub fn parse(text: &str, family: Family) -> Result<Info> {
    let mut rule = Info::default();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix("--hmark-") else {
            continue;
        };
        let value = words.next().with_context(|| format!("{word}: no value"))?;
        set(&mut rule, option, value, family).with_context(|| format!("{word} {value}"))?;
    }
    Ok(rule)
}

fn set(rule: &mut Info, option: &str, value: &str, family: Family) -> Result<()> {
    let [sport, dport] = [0, 2];
    match option {
        "tuple" => return value.split(',').try_for_each(|word| tuple(rule, word)),
        "src-prefix" => {
            rule.src_mask = mask(value, family)?;
            rule.flags |= flag::SADDR_MASK;
        }
        "dst-prefix" => {
            rule.dst_mask = mask(value, family)?;
            rule.flags |= flag::DADDR_MASK;
        }
        "sport-mask" => {
            set_port(&mut rule.port_mask, sport, value)?;
            rule.flags |= flag::SPORT_MASK;
        }
        "dport-mask" => {
            set_port(&mut rule.port_mask, dport, value)?;
            rule.flags |= flag::DPORT_MASK;
        }
        "spi-mask" => {
            rule.port_mask = number(value)?.to_be();
            rule.flags |= flag::SPI_MASK;
        }
        "sport" => {
            set_port(&mut rule.port_set, sport, value)?;
            rule.flags |= flag::SPORT;
        }
        "dport" => {
            set_port(&mut rule.port_set, dport, value)?;
            rule.flags |= flag::DPORT;
        }
        "spi" => {
            rule.port_set = number(value)?.to_be();
            rule.flags |= flag::SPI;
        }
        "proto-mask" => {
            rule.proto_mask = number(value)?.try_into()?;
            rule.flags |= flag::PROTO_MASK;
        }
        "rnd" => {
            rule.hashrnd = number(value)?;
            rule.flags |= flag::RND;
        }
        "mod" => {
            rule.hmodulus = number(value)?;
            rule.flags |= flag::MODULUS;
        }
        "offset" => {
            rule.hoffset = number(value)?;
            rule.flags |= flag::OFFSET;
        }
        _ => bail!("unknown option"),
    }
    Ok(())
}

fn tuple(rule: &mut Info, word: &str) -> Result<()> {
    match word {
        "src" => {
            rule.src_mask = [u32::MAX; 4];
            rule.flags |= flag::SADDR_MASK;
        }
        "dst" => {
            rule.dst_mask = [u32::MAX; 4];
            rule.flags |= flag::DADDR_MASK;
        }
        "sport" => {
            set_port(&mut rule.port_mask, 0, "0xffff")?;
            rule.flags |= flag::SPORT_MASK;
        }
        "dport" => {
            set_port(&mut rule.port_mask, 2, "0xffff")?;
            rule.flags |= flag::DPORT_MASK;
        }
        "spi" => {
            rule.port_mask = u32::MAX;
            rule.flags |= flag::SPI_MASK;
        }
        "proto" => {
            rule.proto_mask = u16::MAX;
            rule.flags |= flag::PROTO_MASK;
        }
        "ct" => rule.flags |= flag::CT,
        _ => bail!("unknown word {word}"),
    }
    Ok(())
}

/// Writes one 16-bit half, `at` bytes into `ports` as they are in memory.
fn set_port(ports: &mut u32, at: usize, value: &str) -> Result<()> {
    let port: u16 = number(value)?.try_into()?;
    let mut bytes = ports.to_ne_bytes();
    bytes[at..at + 2].copy_from_slice(&port.to_be_bytes());
    *ports = u32::from_ne_bytes(bytes);
    Ok(())
}

/// The mask of a prefix length, in network byte order.
fn mask(value: &str, family: Family) -> Result<[u32; 4]> {
    let length: u32 = value.parse()?;
    if length > family.address_bits() {
        bail!("longer than {} bits", family.address_bits());
    }
    let bits = u128::MAX.checked_shl(128 - length).unwrap_or(0);
    let bytes = bits.to_be_bytes();
    Ok(std::array::from_fn(|word| {
        u32::from_ne_bytes(std::array::from_fn(|byte| bytes[word * 4 + byte]))
    }))
}

fn number(value: &str) -> Result<u32> {
    Ok(match value.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16)?,
        None => value.parse()?,
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
        assert!(parse("--hmark-colour 1", Family::Ipv4).is_err());
        Ok(())
    }
}
