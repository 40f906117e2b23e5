// SPDX-License-Identifier: GPL-2.0-only

//! The options: a table with a row for each.

use core::ffi::CStr;
use core::ops::RangeInclusive;

use hmark::rule::v0::flag;
use hmark::rule::v1;

use crate::kind::{Field, Kind, Prefix};
use crate::line::Line;
use crate::number::Notation;

/// One option.
#[derive(Debug)]
pub struct Row {
    /// The name, without the dashes that it begins with.
    pub name: &'static CStr,
    /// Another name for it, likewise: also an abbreviation that would no longer be clear without. Errors
    /// and saved rules have [`Self::name`].
    pub alias: Option<&'static CStr>,
    /// The bit of [`v0::Info::flags`](hmark::rule::v0::Info::flags) that says that a rule was given the
    /// option: one of [`v0::flag`](hmark::rule::v0::flag) or [`v1::flag`](hmark::rule::v1::flag).
    pub flag: u32,
    /// The name in a list of selectors that gives the option its highest value.
    pub selector: Option<&'static str>,
    /// The place of the option in a rule that is saved or listed.
    pub group: Group,
    /// The kind of its value.
    pub kind: Kind,
    /// Its description in the help, in one line or more.
    pub help: &'static str,
}

impl Row {
    /// The name and the alias.
    pub fn names(&self) -> impl Iterator<Item = &'static CStr> {
        [Some(self.name), self.alias].into_iter().flatten()
    }

    /// The first revision of the target that has the option.
    pub const fn revision(&self) -> u8 {
        (self.flag & v1::flag::NEW != 0) as u8
    }

    /// Writes the name as it is given, after a blank.
    pub(crate) fn write_name<'l>(&self, line: &'l mut Line) -> &'l mut Line {
        line.text(" --").bytes(self.name.to_bytes())
    }

    /// The name without `hmark-`.
    pub(crate) fn short_name(&self) -> &'static [u8] {
        let name = self.name.to_bytes();
        name.strip_prefix(b"hmark-").unwrap_or(name)
    }
}

/// Options that are saved and listed together, in the order of [`OPTIONS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The marks that a packet may get.
    Marks,
    /// The seed of the hash.
    Seed,
    /// The list of selectors.
    Selectors,
    /// The parts of a packet that are hashed bit by bit.
    Parts,
}

/// The range of a number of 16 bits.
const U16: RangeInclusive<u32> = 0..=0xffff;
/// The range of a number of 32 bits.
const U32: RangeInclusive<u32> = 0..=u32::MAX;

/// All options, in the order of the help.
///
/// The place of an option in this table is its number where programs need one; it is below 32.
pub static OPTIONS: [Row; 19] = [
    Row {
        name: c"hmark-mod",
        alias: Some(c"hmark-m"),
        flag: flag::MODULUS,
        selector: None,
        group: Group::Marks,
        kind: Kind::Number(Field {
            range: 1..=u32::MAX,
            get: |rule| rule.masked.v0.hmodulus,
            set: |rule, number| rule.masked.v0.hmodulus = number,
            saved: Notation::Decimal,
            listed: Notation::Decimal,
            is_added: false,
        }),
        help: "Number of marks, 1 to 4294967295 (mandatory)",
    },
    Row {
        name: c"hmark-offset",
        alias: Some(c"hmark-offs"),
        flag: flag::OFFSET,
        selector: None,
        group: Group::Marks,
        kind: Kind::Number(Field {
            range: U32,
            get: |rule| rule.masked.v0.hoffset,
            set: |rule, number| rule.masked.v0.hoffset = number,
            saved: Notation::Decimal,
            listed: Notation::Hex(1),
            is_added: true,
        }),
        help: "First mark, 0 to 4294967295 (default 0);\n\
               also --hmark-offs",
    },
    Row {
        name: c"hmark-mask",
        alias: None,
        flag: v1::flag::MASK,
        selector: None,
        group: Group::Marks,
        kind: Kind::Ones(Field {
            range: 1..=u32::MAX,
            get: |rule| rule.masked.mark_mask,
            set: |rule, number| rule.masked.mark_mask = number,
            saved: Notation::Hex(1),
            listed: Notation::Hex(1),
            is_added: false,
        }),
        help: "Bits of the mark to set, such as 0x3f00;\n\
               marks count from its lowest bit on\n\
               (default 0xffffffff)",
    },
    Row {
        name: c"hmark-from",
        alias: None,
        flag: v1::flag::FROM,
        selector: None,
        group: Group::Marks,
        kind: Kind::Number(Field {
            range: 1..=u32::MAX,
            get: |rule| rule.from,
            set: |rule, number| rule.from = number,
            saved: Notation::Decimal,
            listed: Notation::Decimal,
            is_added: false,
        }),
        help: "Number of marks that there were at first:\n\
               flows move only to marks added since",
    },
    Row {
        name: c"hmark-weight",
        alias: None,
        flag: v1::flag::WEIGHT,
        selector: None,
        group: Group::Marks,
        kind: Kind::Weights,
        help: "Shares of marks in per cent, counted from 0:\n\
               12=50,35=0,64-69=25 (default 100)",
    },
    Row {
        name: c"hmark-rnd",
        alias: Some(c"hmark-r"),
        flag: flag::RND,
        selector: None,
        group: Group::Seed,
        kind: Kind::Number(Field {
            range: U32,
            get: |rule| rule.masked.v0.hashrnd,
            set: |rule, number| rule.masked.v0.hashrnd = number,
            saved: Notation::Hex(8),
            listed: Notation::Hex(1),
            is_added: false,
        }),
        help: "Seed of the hash, 32 bits (default 0xc175a3b8)",
    },
    Row {
        name: c"hmark-key",
        alias: None,
        flag: v1::flag::KEY,
        selector: None,
        group: Group::Seed,
        kind: Kind::Key,
        help: "Key of SipHash, 32 hexadecimal digits:\n\
               who does not know it cannot choose a mark;\n\
               excludes --hmark-rnd",
    },
    Row {
        name: c"hmark-tuple",
        alias: None,
        flag: flag::CT,
        selector: Some("ct"),
        group: Group::Selectors,
        kind: Kind::Selectors,
        help: "What to hash, in full:\n\
               src,dst,sport,dport,spi,proto,ct\n\
               (default src,dst,sport,dport,proto\n\
               if nothing else says)\n\
               ct hashes the connection's tuple\n\
               instead of the packet's",
    },
    Row {
        name: c"hmark-inner",
        alias: None,
        flag: v1::flag::INNER,
        selector: None,
        group: Group::Selectors,
        kind: Kind::Tunnels,
        help: "Tunnels whose inner packet is hashed:\n\
               gtpu,vxlan,geneve,gre,ipip; or with\n\
               another UDP port, as vxlan:8472;\n\
               excludes ct",
    },
    Row {
        name: c"hmark-reverse-errors",
        alias: None,
        flag: v1::flag::REVERSE_ERRORS,
        selector: None,
        group: Group::Selectors,
        kind: Kind::Switch,
        help: "Hash an ICMP error as a reply to the packet\n\
               that it quotes; excludes ct",
    },
    Row {
        name: c"hmark-src-prefix",
        alias: None,
        flag: flag::SADDR_MASK,
        selector: Some("src"),
        group: Group::Parts,
        kind: Kind::Prefix(Prefix {
            get: |rule| &rule.masked.v0.src_mask,
            get_mut: |rule| &mut rule.masked.v0.src_mask,
        }),
        help: "Leading bits of the source address:\n\
               0 to 32 (IPv6: 128), or a netmask",
    },
    Row {
        name: c"hmark-dst-prefix",
        alias: None,
        flag: flag::DADDR_MASK,
        selector: Some("dst"),
        group: Group::Parts,
        kind: Kind::Prefix(Prefix {
            get: |rule| &rule.masked.v0.dst_mask,
            get_mut: |rule| &mut rule.masked.v0.dst_mask,
        }),
        help: "Leading bits of the destination address: likewise",
    },
    Row {
        name: c"hmark-sport-mask",
        alias: None,
        flag: flag::SPORT_MASK,
        selector: Some("sport"),
        group: Group::Parts,
        kind: Kind::Number(Field {
            range: U16,
            get: |rule| first(rule.masked.v0.port_mask),
            set: |rule, number| set_first(&mut rule.masked.v0.port_mask, number),
            saved: Notation::Hex(4),
            listed: Notation::Hex(1),
            is_added: false,
        }),
        help: "Bits of the source port, 0 to 0xffff",
    },
    Row {
        name: c"hmark-dport-mask",
        alias: None,
        flag: flag::DPORT_MASK,
        selector: Some("dport"),
        group: Group::Parts,
        kind: Kind::Number(Field {
            range: U16,
            get: |rule| second(rule.masked.v0.port_mask),
            set: |rule, number| set_second(&mut rule.masked.v0.port_mask, number),
            saved: Notation::Hex(4),
            listed: Notation::Hex(1),
            is_added: false,
        }),
        help: "Bits of the destination port, 0 to 0xffff",
    },
    Row {
        name: c"hmark-spi-mask",
        alias: None,
        flag: flag::SPI_MASK,
        selector: Some("spi"),
        group: Group::Parts,
        kind: Kind::Number(Field {
            range: U32,
            get: |rule| u32::from_be(rule.masked.v0.port_mask),
            set: |rule, number| rule.masked.v0.port_mask = number.to_be(),
            saved: Notation::Hex(8),
            listed: Notation::Hex(1),
            is_added: false,
        }),
        help: "Bits of the SPI of AH and ESP, 0 to 0xffffffff;\n\
               excludes port masks",
    },
    Row {
        name: c"hmark-sport",
        alias: None,
        flag: flag::SPORT,
        selector: None,
        group: Group::Parts,
        kind: Kind::Number(Field {
            range: U16,
            get: |rule| first(rule.masked.v0.port_set),
            set: |rule, number| set_first(&mut rule.masked.v0.port_set, number),
            saved: Notation::Hex(4),
            listed: Notation::Hex(1),
            is_added: false,
        }),
        help: "Bits set in the source port after its mask,\n\
               0 to 0xffff",
    },
    Row {
        name: c"hmark-dport",
        alias: None,
        flag: flag::DPORT,
        selector: None,
        group: Group::Parts,
        kind: Kind::Number(Field {
            range: U16,
            get: |rule| second(rule.masked.v0.port_set),
            set: |rule, number| set_second(&mut rule.masked.v0.port_set, number),
            saved: Notation::Hex(4),
            listed: Notation::Hex(1),
            is_added: false,
        }),
        help: "Bits set in the destination port after its mask,\n\
               0 to 0xffff",
    },
    Row {
        name: c"hmark-spi",
        alias: None,
        flag: flag::SPI,
        selector: None,
        group: Group::Parts,
        kind: Kind::Number(Field {
            range: U32,
            get: |rule| u32::from_be(rule.masked.v0.port_set),
            set: |rule, number| rule.masked.v0.port_set = number.to_be(),
            saved: Notation::Hex(8),
            listed: Notation::Hex(1),
            is_added: false,
        }),
        help: "Bits set in the SPI after its mask,\n\
               0 to 0xffffffff; excludes ports",
    },
    Row {
        name: c"hmark-proto-mask",
        alias: None,
        flag: flag::PROTO_MASK,
        selector: Some("proto"),
        group: Group::Parts,
        kind: Kind::Number(Field {
            range: U16,
            get: |rule| u32::from(rule.masked.v0.proto_mask),
            set: |rule, number| rule.masked.v0.proto_mask = number as u16,
            saved: Notation::Hex(2),
            listed: Notation::Hex(1),
            is_added: false,
        }),
        help: "Bits of the protocol number, 0 to 0xffff:\n\
               they practically never change a mark",
    },
];

/// The first two of four bytes in network byte order: the source port.
fn first(ports: u32) -> u32 {
    u32::from_be(ports) >> 16
}

/// The last two of four bytes in network byte order: the destination port.
fn second(ports: u32) -> u32 {
    u32::from_be(ports) & 0xffff
}

fn set_first(ports: &mut u32, port: u32) {
    *ports = ((port << 16) | second(*ports)).to_be();
}

fn set_second(ports: &mut u32, port: u32) {
    *ports = ((first(*ports) << 16) | port).to_be();
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::vec::Vec;

    use hmark::rule::v0;
    use hmark::rule::v1::Info;

    use super::*;

    fn number(name: &CStr) -> &'static Field {
        match OPTIONS.iter().find(|row| row.name == name).unwrap().kind {
            Kind::Number(ref field) => field,
            ref kind => panic!("{kind:?}"),
        }
    }

    #[test]
    fn names_flags_and_selectors_are_there_once() {
        let names: Vec<_> = OPTIONS.iter().flat_map(Row::names).collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
        assert!(names
            .iter()
            .all(|name| name.to_bytes().starts_with(b"hmark-")));
        let flags: HashSet<_> = OPTIONS.iter().map(|row| row.flag).collect();
        assert_eq!(flags.len(), OPTIONS.len());
        assert!(flags.iter().all(|flag| flag.is_power_of_two()));
        let selectors: Vec<_> = OPTIONS.iter().filter_map(|row| row.selector).collect();
        assert_eq!(
            selectors.iter().collect::<HashSet<_>>().len(),
            selectors.len()
        );
        assert!(OPTIONS.len() < 32);
    }

    #[test]
    fn what_is_set_is_got_and_nothing_else_changes() {
        for row in &OPTIONS {
            let (Kind::Number(field) | Kind::Ones(field)) = &row.kind else {
                continue;
            };
            for number in [*field.range.start(), 0x12, *field.range.end()] {
                let mut rule = Info::default();
                (field.set)(&mut rule, number);
                assert_eq!((field.get)(&rule), number, "{:?}", row.name);
                (field.set)(&mut rule, 0);
                assert_eq!(rule, Info::default(), "{:?}", row.name);
            }
        }
    }

    #[test]
    fn ports_and_spi_lie_as_on_the_wire() {
        let mut rule = Info::default();
        let mut set = |name, number_| (number(name).set)(&mut rule, number_);
        set(c"hmark-spi-mask", 0x0102_0304);
        set(c"hmark-spi", 0x0506_0708);
        set(c"hmark-sport-mask", 0x1112);
        set(c"hmark-dport", 0x1314);
        assert_eq!(rule.masked.v0.port_mask.to_ne_bytes(), [0x11, 0x12, 3, 4]);
        assert_eq!(rule.masked.v0.port_set.to_ne_bytes(), [5, 6, 0x13, 0x14]);
        let mut set = |name, number_| (number(name).set)(&mut rule, number_);
        set(c"hmark-dport-mask", 0x2122);
        set(c"hmark-sport", 0x2324);
        assert_eq!(
            rule.masked.v0.port_mask.to_ne_bytes(),
            [0x11, 0x12, 0x21, 0x22]
        );
        assert_eq!(
            rule.masked.v0.port_set.to_ne_bytes(),
            [0x23, 0x24, 0x13, 0x14]
        );
    }

    #[test]
    fn each_number_has_its_place() {
        let mut rule = Info::default();
        for (name, value) in [
            (c"hmark-proto-mask", 0xffff),
            (c"hmark-rnd", 1),
            (c"hmark-mod", 2),
            (c"hmark-offset", 3),
        ] {
            (number(name).set)(&mut rule, value);
        }
        let stored = v0::Info {
            proto_mask: 0xffff,
            hashrnd: 1,
            hmodulus: 2,
            hoffset: 3,
            ..v0::Info::default()
        };
        assert_eq!(rule, Info::from(stored));
    }
}
