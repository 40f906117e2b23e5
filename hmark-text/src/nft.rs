// SPDX-License-Identifier: GPL-2.0-only

//! A rule as nft reads it: the hash of nft that comes nearest, if there is one.
//!
//! Both of nft's hashes scale to marks as HMARK does, but neither gives its marks. `symhash` takes
//! the 5-tuple in order, so that a flow and its replies have one mark; `jhash` takes any fields, as
//! the packet has them. Where a packet lacks a field, nft does not set a mark.

use hmark::rule::v0::{flag, Info};
use hmark::rule::v1;
use hmark::Family;

use crate::line::Line;
use crate::netmask;
use crate::sentences::Warning;

const TCP: u8 = 6;
const UDP: u8 = 17;
const DCCP: u8 = 33;
const ESP: u8 = 50;
const AH: u8 = 51;
const SCTP: u8 = 132;
const UDPLITE: u8 = 136;

/// nft has nothing that corresponds to a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declined;

/// A hash of nft's.
#[derive(Debug, PartialEq)]
enum Hash {
    /// `symhash`.
    Symmetric,
    /// `jhash`, of at least one field.
    Fields([Option<Field>; 5]),
}

/// A field of the packet, as far as it is hashed.
#[derive(Debug, PartialEq)]
struct Field {
    name: &'static str,
    mask: Mask,
}

/// The bits of a field that are hashed.
#[derive(Debug, PartialEq)]
enum Mask {
    All,
    /// Network byte order.
    Address([u32; 4]),
    Port(u32),
}

/// Writes what nft has for `rule`, whose packets have this protocol; 0 and [`None`] are for any.
///
/// # Errors
///
/// [`Declined`] if nft has nothing that corresponds. Nothing is then written.
pub fn translate(
    rule: &v1::Info,
    family: Family,
    protocol: Option<u8>,
    nft: &mut Line,
) -> Result<Option<Warning>, Declined> {
    // nft sets a whole mark, and neither grows nor weighs; its only key is the seed.
    if rule.has(v1::flag::NEW) {
        return Err(Declined);
    }
    let rule = &rule.masked.v0;
    let hash = nearest(rule, family, protocol).ok_or(Declined)?;
    match &hash {
        Hash::Symmetric => {
            nft.text("meta mark set symhash");
        }
        Hash::Fields(fields) => {
            nft.text("meta mark set jhash");
            for (number, field) in fields.iter().flatten().enumerate() {
                nft.text(if number > 0 { " . " } else { " " });
                nft.text(field.name);
                match &field.mask {
                    Mask::All => {}
                    Mask::Address(mask) => netmask::write(mask, family, nft.text(" & ")),
                    Mask::Port(mask) => {
                        nft.text(" & ").hex(*mask, 4);
                    }
                }
            }
        }
    }
    nft.text(" mod ").decimal(rule.hmodulus);
    if hash != Hash::Symmetric {
        nft.text(" seed ").hex(rule.hashrnd, 1);
    }
    if rule.hoffset != 0 {
        nft.text(" offset ").decimal(rule.hoffset);
    }
    let by_protocol = match hash {
        // Flows differ by their ports already.
        Hash::Symmetric => false,
        Hash::Fields(_) => rule.proto_mask != 0 && protocol.is_none(),
    };
    Ok(by_protocol.then_some(Warning::NftSpreadsByProtocol))
}

fn nearest(rule: &Info, family: Family, protocol: Option<u8>) -> Option<Hash> {
    if rule.has(flag::CT | flag::METHOD_L3) || rule.port_set != 0 {
        return None;
    }
    // nft refuses marks that would wrap.
    rule.hoffset.checked_add(rule.hmodulus.checked_sub(1)?)?;

    let [saddr, daddr] = match family {
        Family::Ipv4 => ["ip saddr", "ip daddr"],
        Family::Ipv6 => ["ip6 saddr", "ip6 daddr"],
    };
    let saddr = address(saddr, &rule.src_mask, family);
    let daddr = address(daddr, &rule.dst_mask, family);
    let whole = |field: &Option<Field>| {
        matches!(
            field,
            Some(Field {
                mask: Mask::All,
                ..
            })
        )
    };
    // The upper byte is for no protocol's bits.
    let proto = match rule.proto_mask.to_le_bytes()[0] {
        0 => None,
        0xff => Some(Field {
            name: "meta l4proto",
            mask: Mask::All,
        }),
        _ => return None,
    };
    let mask = u32::from_be(rule.port_mask);
    let symmetric = whole(&saddr) && whole(&daddr) && whole(&proto) && mask == u32::MAX;

    let spi = |name| {
        (mask == u32::MAX).then_some(Field {
            name,
            mask: Mask::All,
        })
    };
    // In a packet without ports, jhash would take whatever lies in their place. So the rule must
    // match a protocol that has them; symhash looks for itself.
    let (first, second) = match (protocol, family) {
        _ if mask == 0 => (None, None),
        (Some(TCP | UDP | DCCP | SCTP | UDPLITE), _) if symmetric => return Some(Hash::Symmetric),
        (Some(TCP | UDP | DCCP | SCTP | UDPLITE), _) => (
            port("th sport", mask >> 16),
            port("th dport", mask & 0xffff),
        ),
        (Some(ESP), _) => (Some(spi("esp spi")?), None),
        // An extension header to nft's IPv6, and never a packet's protocol.
        (Some(AH), Family::Ipv4) => (Some(spi("ah spi")?), None),
        _ if symmetric && !rule.has(flag::SPI_MASK) => return Some(Hash::Symmetric),
        _ => return None,
    };
    let fields = [saddr, daddr, first, second, proto];
    fields
        .iter()
        .any(Option::is_some)
        .then_some(Hash::Fields(fields))
}

/// The field of an address, unless the mask leaves nothing of it.
fn address(name: &'static str, mask: &[u32; 4], family: Family) -> Option<Field> {
    let used = match family {
        Family::Ipv4 => &mask[..1],
        Family::Ipv6 => &mask[..],
    };
    if used.iter().all(|&word| word == 0) {
        return None;
    }
    let mask = match used.iter().all(|&word| word == u32::MAX) {
        true => Mask::All,
        false => Mask::Address(*mask),
    };
    Some(Field { name, mask })
}

/// The field of a port, likewise; the mask has 16 bits.
fn port(name: &'static str, mask: u32) -> Option<Field> {
    let mask = match mask {
        0 => return None,
        0xffff => Mask::All,
        _ => Mask::Port(mask),
    };
    Some(Field { name, mask })
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::selectors;

    /// A rule of 4 marks that hashes these selectors in full.
    fn rule(selectors: &[u8]) -> Info {
        let mut rule = v1::Info::from(Info {
            hmodulus: 4,
            ..Info::default()
        });
        let flags = selectors::read(selectors).unwrap();
        selectors::select(&mut rule, flags, Family::Ipv6);
        rule.masked.v0
    }

    fn five_tuple() -> Info {
        rule(b"src,dst,sport,dport,proto")
    }

    fn names(hash: Option<Hash>) -> Vec<&'static str> {
        match hash {
            Some(Hash::Fields(fields)) => fields.iter().flatten().map(|field| field.name).collect(),
            hash => panic!("{hash:?} is no jhash"),
        }
    }

    #[test]
    fn a_full_5_tuple_is_symmetric() {
        for family in [Family::Ipv4, Family::Ipv6] {
            for protocol in [None, Some(TCP), Some(UDPLITE), Some(1)] {
                assert_eq!(
                    nearest(&five_tuple(), family, protocol),
                    Some(Hash::Symmetric)
                );
            }
        }
        let mut rule = five_tuple();
        rule.src_mask = [u32::MAX, 0, 0, 0];
        rule.proto_mask = 0xff;
        assert_eq!(nearest(&rule, Family::Ipv4, None), Some(Hash::Symmetric));
        assert_eq!(nearest(&rule, Family::Ipv6, None), None);
    }

    #[test]
    fn fields_are_those_of_the_family_and_protocol() {
        for (selectors, family, protocol, expected) in [
            ("src", Family::Ipv4, None, &["ip saddr"][..]),
            (
                "dst,proto",
                Family::Ipv6,
                None,
                &["ip6 daddr", "meta l4proto"],
            ),
            ("sport", Family::Ipv4, Some(TCP), &["th sport"]),
            (
                "src,dport",
                Family::Ipv6,
                Some(SCTP),
                &["ip6 saddr", "th dport"],
            ),
            ("sp,dp", Family::Ipv4, Some(ESP), &["esp spi"]),
            (
                "src,spi",
                Family::Ipv6,
                Some(ESP),
                &["ip6 saddr", "esp spi"],
            ),
            ("spi", Family::Ipv4, Some(AH), &["ah spi"]),
            ("spi", Family::Ipv4, Some(DCCP), &["th sport", "th dport"]),
        ] {
            let hash = nearest(&rule(selectors.as_bytes()), family, protocol);
            assert_eq!(names(hash), expected, "{selectors}");
        }
    }

    #[test]
    fn masks_stay() {
        let mut rule = rule(b"dst");
        rule.src_mask = [u32::MAX, 0, 0, 0];
        rule.port_mask = 0xff00_0000_u32.to_be();
        let Some(Hash::Fields([saddr, daddr, sport, dport, proto])) =
            nearest(&rule, Family::Ipv6, Some(UDP))
        else {
            panic!("not translated");
        };
        assert_eq!(saddr.unwrap().mask, Mask::Address(rule.src_mask));
        assert_eq!(daddr.unwrap().mask, Mask::All);
        assert_eq!(sport.unwrap().mask, Mask::Port(0xff00));
        assert_eq!((dport, proto), (None, None));
    }

    #[test]
    fn what_nft_does_not_have() {
        let declined = |rule: Info, protocol| {
            assert_eq!(nearest(&rule, Family::Ipv6, protocol), None, "{rule:?}");
        };
        declined(
            Info {
                flags: flag::CT,
                ..five_tuple()
            },
            None,
        );
        declined(
            Info {
                port_set: 1,
                ..five_tuple()
            },
            Some(TCP),
        );
        declined(
            Info {
                proto_mask: 0x0f,
                ..five_tuple()
            },
            None,
        );
        declined(rule(b"src,dst,sport,dport"), None);
        declined(rule(b"sport"), Some(1));
        declined(rule(b"src,dst,spi,proto"), None);
        declined(rule(b"src,dst,spi"), Some(AH));
        declined(
            Info {
                port_mask: 0xff,
                ..rule(b"src,dst")
            },
            Some(ESP),
        );
        declined(
            Info {
                proto_mask: 0xff00,
                hmodulus: 4,
                ..Info::default()
            },
            None,
        );
    }

    #[test]
    fn marks_do_not_wrap() {
        for (hoffset, hmodulus, fits) in [
            (0, u32::MAX, true),
            (1, u32::MAX, true),
            (2, u32::MAX, false),
            (u32::MAX, 1, true),
            (u32::MAX, 2, false),
            (0, 0, false),
        ] {
            let rule = Info {
                hoffset,
                hmodulus,
                ..five_tuple()
            };
            let hash = nearest(&rule, Family::Ipv4, None);
            assert_eq!(hash.is_some(), fits, "{hmodulus} from {hoffset}");
        }
    }
}
