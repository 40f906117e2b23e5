// SPDX-License-Identifier: GPL-2.0-only

//! Prefix lengths and netmasks, as iptables reads and writes them.
//!
//! `core::net` is not used: it differs from C in some forms of addresses, and its code would be a
//! fifth of the extension.

use hmark::Family;

use crate::line::Line;
use crate::number;

/// Reads a prefix length, or a netmask that stands for one, to network byte order. For IPv4, all
/// words but the first are zero.
///
/// Any other netmask is refused: the saved rule would have no length to restore it by.
pub fn read(text: &[u8], family: Family) -> Option<[u32; 4]> {
    if let Some(length) = number::read(text).filter(|&length| length <= family.address_bits()) {
        return Some(of_length(length));
    }
    address(text, family).filter(|mask| length(mask, family).is_some())
}

/// The netmask of a prefix of so many bits, likewise.
pub fn of_length(length: u32) -> [u32; 4] {
    words(u128::MAX.checked_shl(128 - length).unwrap_or(0))
}

/// Reads an address, likewise.
fn address(text: &[u8], family: Family) -> Option<[u32; 4]> {
    Some(match family {
        Family::Ipv4 => [ipv4(text).or_else(|| mapped(text))?.to_be(), 0, 0, 0],
        Family::Ipv6 => words(ipv6(text)?),
    })
}

/// Reads an address of IPv4 as C's `inet_aton` does: up to four numbers, the last of which has
/// all bits that the others leave.
fn ipv4(text: &[u8]) -> Option<u32> {
    let mut address = 0;
    let mut bits = 32_u32;
    let mut parts = text.split(|&byte| byte == b'.').peekable();
    while let Some(part) = parts.next() {
        let number = number::digits(part)?;
        let is_last = parts.peek().is_none();
        let taken = if is_last { bits } else { 8 };
        if number.checked_shr(taken).unwrap_or(0) != 0 {
            return None;
        }
        // A fifth part would have no bits left.
        bits = bits.checked_sub(taken)?;
        address |= number.checked_shl(bits)?;
        if bits == 0 && !is_last {
            return None;
        }
    }
    Some(address)
}

/// Reads an address of IPv6 as C's `inet_pton` does.
fn ipv6(text: &[u8]) -> Option<u128> {
    let gap = text.windows(2).position(|bytes| bytes == b"::");
    let Some(gap) = gap else {
        let (address, bits) = groups(text)?;
        return (bits == 128).then_some(address);
    };
    let (head, bits) = groups(text.get(..gap)?)?;
    let (tail, others) = groups(text.get(gap + 2..)?)?;
    // The gap stands for one group at least.
    if bits + others > 112 || has_dot(text.get(..gap)?) {
        return None;
    }
    Some(head.checked_shl(128 - bits).unwrap_or(0) | tail)
}

/// Reads an address of IPv6 that an address of IPv4 is mapped to.
fn mapped(text: &[u8]) -> Option<u32> {
    let address = ipv6(text)?;
    (address >> 32 == 0xffff).then_some(address as u32)
}

/// Reads groups of 16 bits, the last two of which may be an address of IPv4, and how many bits they
/// are.
fn groups(text: &[u8]) -> Option<(u128, u32)> {
    let (mut address, mut bits) = (0, 0);
    let mut rest = Some(text).filter(|text| !text.is_empty());
    while let Some(text) = rest {
        let (group, size);
        let end = text.iter().position(|&byte| byte == b':');
        (group, rest, size) = match end {
            None if has_dot(text) => (dotted(text)?, None, 32),
            None => (hex(text)?, None, 16),
            Some(end) => (hex(text.get(..end)?)?, text.get(end + 1..), 16),
        };
        address = (address << size) | u128::from(group);
        bits += size;
        if bits > 128 {
            return None;
        }
    }
    Some((address, bits))
}

fn has_dot(text: &[u8]) -> bool {
    !text.iter().all(|&byte| byte != b'.')
}

/// Reads one to four hexadecimal digits.
fn hex(text: &[u8]) -> Option<u32> {
    if text.is_empty() || text.len() > 4 {
        return None;
    }
    text.iter().try_fold(0, |group, &byte| {
        Some((group << 4) | char::from(byte).to_digit(16)?)
    })
}

/// Reads four decimal numbers of a byte each, without leading zeros.
fn dotted(text: &[u8]) -> Option<u32> {
    let is_decimal = |part: &[u8]| part.len() == 1 || part.first() != Some(&b'0');
    let mut parts = text.split(|&byte| byte == b'.');
    let address = (0..4).try_fold(0, |address, _| {
        let part = parts.next().filter(|part| is_decimal(part))?;
        let byte = number::digits(part).filter(|&byte| byte <= 0xff)?;
        Some((address << 8) | byte)
    })?;
    parts.next().is_none().then_some(address)
}

/// Length of the prefix that a netmask stands for, in bits, if its ones are contiguous.
pub fn length(mask: &[u32; 4], family: Family) -> Option<u32> {
    let (ones, zeros) = match family {
        Family::Ipv4 => {
            let [mask, ..] = mask.map(u32::from_be);
            (mask.leading_ones(), mask.trailing_zeros())
        }
        Family::Ipv6 => {
            let mask = bits(mask);
            (mask.leading_ones(), mask.trailing_zeros())
        }
    };
    (ones + zeros >= family.address_bits()).then_some(ones)
}

/// Writes an address as C's `inet_ntop` does.
pub fn write(address: &[u32; 4], family: Family, line: &mut Line) {
    match family {
        Family::Ipv4 => {
            let [address, ..] = address.map(u32::from_be);
            write_ipv4(address, line);
        }
        Family::Ipv6 => write_ipv6(bits(address), line),
    }
}

fn write_ipv4(address: u32, line: &mut Line) {
    for (place, byte) in address.to_be_bytes().into_iter().enumerate() {
        if place > 0 {
            line.text(".");
        }
        line.decimal(byte.into());
    }
}

/// Groups of 16 bits, the longest run of zeros left out, if there are two at least, and the first of
/// the longest. An address that embeds one of IPv4 ends in that.
fn write_ipv6(address: u128, line: &mut Line) {
    let group = |place: u32| (address >> (112 - 16 * place)) as u16;
    let groups = [0, 1, 2, 3, 4, 5, 6, 7].map(group);
    // From where to where the groups are left out.
    let mut gap = 0..0;
    let mut start = 0;
    for (place, &group) in groups.iter().enumerate() {
        if group != 0 {
            start = place + 1;
        } else if place + 1 - start > gap.len() {
            gap = start..place + 1;
        }
    }
    if gap.len() < 2 {
        gap = 0..0;
    }
    let [.., sixth, _, _] = groups;
    let embeds = gap == (0..6) || (gap == (0..5) && sixth == 0xffff);
    for (place, &group) in groups.iter().enumerate() {
        if gap.contains(&place) {
            if place == gap.start {
                line.text(":");
            }
            continue;
        }
        if place > 0 {
            line.text(":");
        }
        if place == 6 && embeds {
            return write_ipv4(address as u32, line);
        }
        line.digits(group.into(), 16, 1);
    }
    if gap.end == groups.len() {
        line.text(":");
    }
}

/// A netmask from its first bit on, in network byte order.
fn words(bits: u128) -> [u32; 4] {
    let word = |shift: u32| ((bits >> shift) as u32).to_be();
    [word(96), word(64), word(32), word(0)]
}

fn bits(words: &[u32; 4]) -> u128 {
    words.iter().fold(0, |bits, &word| {
        (bits << 32) | u128::from(u32::from_be(word))
    })
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::string::{String, ToString};

    use proptest::prelude::*;

    use super::*;

    fn written(address: u128, family: Family) -> String {
        let mut line = Line::new();
        write(&words(address), family, &mut line);
        line.to_string()
    }

    fn ipv4_address(text: &str) -> Option<Ipv4Addr> {
        let [address, rest @ ..] = address(text.as_bytes(), Family::Ipv4)?;
        assert_eq!(rest, [0; 3]);
        Some(Ipv4Addr::from(address.to_ne_bytes()))
    }

    #[test]
    fn lengths() {
        for family in Family::ALL {
            for bits in 0..=family.address_bits() {
                for text in [
                    format!("{bits}"),
                    format!("{bits:#x}"),
                    format!(" +0{bits:o}"),
                ] {
                    let mask = read(text.as_bytes(), family).unwrap();
                    assert_eq!(length(&mask, family), Some(bits), "{text}");
                    let mask = mask.map(u32::count_ones).iter().sum::<u32>();
                    assert_eq!(mask, bits);
                }
            }
            for text in [
                "",
                "-1",
                "8 ",
                "/8",
                "8/8",
                "8.",
                ".8",
                "a",
                "localhost",
                "129",
                "1.2.3.4.5",
            ] {
                assert_eq!(read(text.as_bytes(), family), None, "{text}");
            }
        }
    }

    #[test]
    fn addresses_of_ipv4() {
        for (text, mask) in [
            ("255.0.0.0", [255, 0, 0, 0]),
            ("0.0.0.0", [0; 4]),
            ("255.0.255.0", [255, 0, 255, 0]),
            ("255.255", [255, 0, 0, 255]),
            ("0xff.0x10.0", [255, 16, 0, 0]),
            ("255.0377.0xffff", [255; 4]),
            ("4294901760", [255, 255, 0, 0]),
            ("0xffffff00", [255, 255, 255, 0]),
            ("4294967295", [255; 4]),
            ("33", [0, 0, 0, 33]),
            ("::ffff:255.0.0.0", [255, 0, 0, 0]),
            ("::FFFF:ffff:0", [255, 255, 0, 0]),
        ] {
            assert_eq!(ipv4_address(text), Some(mask.into()), "{text}");
        }
        for text in [
            "4294967294.",
            "4294967296",
            "+4294901760",
            " 255.0.0.0",
            "255.255.255.256",
            "256.0",
            "255.0x1000000",
            "255.255.65536",
            "255..0",
            "255.-1",
            "1.2.3.08",
            "ffff::",
            "::255.0.0.0",
        ] {
            assert_eq!(ipv4_address(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_of_ipv6() {
        for (text, mask) in [
            ("::", 0),
            ("FFFF::", 0xffff << 112),
            ("ffff:0:ffff::", 0xffff_0000_ffff << 80),
            ("::ffff:255.0.0.0", 0xffff_ff00_0000),
        ] {
            assert_eq!(
                address(text.as_bytes(), Family::Ipv6),
                Some(words(mask)),
                "{text}"
            );
        }
        for text in [
            "255.0.0.0",
            "255.0.0.0::",
            "fe80::%lo",
            "::1 ",
            "",
            ":",
            ":::",
            "::1::",
            "1:2:3",
            "1:2:3:4:5:6:7:8:",
            "1:2:3:4:5:6:7:8::",
            "1:2:3:4:5:6:7:8:9",
            "1:2:3:4:5:6:7:1.2.3.4",
            "::1.2.3",
            "::1.2.3.04",
            "::1.2.3.256",
            "::1.2.3.4.5",
            "12345::",
            "::g",
            "::+1",
            "::\u{e4}",
        ] {
            assert_eq!(address(text.as_bytes(), Family::Ipv6), None, "{text}");
        }
    }

    #[test]
    fn netmasks_have_a_length() {
        let read = |text: &str, family| {
            read(text.as_bytes(), family).and_then(|mask| length(&mask, family))
        };
        for (text, family, bits) in [
            ("255.255.240.0", Family::Ipv4, 20),
            ("0.0.0.0", Family::Ipv4, 0),
            ("4294901760", Family::Ipv4, 16),
            ("::ffff:255.0.0.0", Family::Ipv4, 8),
            ("ffff:fffe::", Family::Ipv6, 31),
            ("::", Family::Ipv6, 0),
        ] {
            assert_eq!(read(text, family), Some(bits), "{text}");
        }
        for text in [
            "192.168.1.0",
            "255.0.255.0",
            "0.0.0.1",
            "255.255",
            "33",
            "0x21",
            "041",
        ] {
            assert_eq!(read(text, Family::Ipv4), None, "{text}");
        }
        for text in ["2001:db8::", "ffff:0:ffff::", "::1", "::ffff:255.0.0.0"] {
            assert_eq!(read(text, Family::Ipv6), None, "{text}");
        }
    }

    #[test]
    fn lengths_are_of_contiguous_ones() {
        for mask in [1, 0xff00_ff00, u32::MAX - 2] {
            assert_eq!(length(&[mask.to_be(), 0, 0, 0], Family::Ipv4), None);
            assert_eq!(length(&[0, 0, mask.to_be(), 0], Family::Ipv6), None);
        }
        // Only the first word is IPv4's.
        assert_eq!(length(&[u32::MAX; 4], Family::Ipv4), Some(32));
        assert_eq!(length(&[u32::MAX, 0, 1, 0], Family::Ipv4), Some(32));
    }

    #[test]
    fn addresses_are_as_c_writes_them() {
        assert_eq!(written(0xff80_0001 << 96, Family::Ipv4), "255.128.0.1");
        for (address, text) in [
            (0, "::"),
            (1, "::1"),
            (0xffff << 112, "ffff::"),
            (0xffff_0000_ffff << 80, "ffff:0:ffff::"),
            (0x0001_0000_0000_0001_0000_0000_0000_0001, "1:0:0:1::1"),
            (0x0001_0000_0000_0001_0000_0000_0001_0001, "1::1:0:0:1:1"),
            (0x0001_0000_0001_0001_0001_0001_0001_0000, "1:0:1:1:1:1:1:0"),
            (0xff00_0000, "::255.0.0.0"),
            (0xffff, "::ffff"),
            (0xffff_ff00_0000, "::ffff:255.0.0.0"),
            (u128::MAX, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ] {
            assert_eq!(written(address, Family::Ipv6), text);
        }
    }

    proptest! {
        #[test]
        fn addresses_of_ipv6_are_read_as_by_core(
            parts in proptest::collection::vec("[0-9a-f]{0,5}|:|0|1\\.2\\.(3|0|03|300)\\.4|ffff", 1..12)
        ) {
            for text in [parts.join(":"), parts.concat()] {
                prop_assert_eq!(ipv6(text.as_bytes()), text.parse().ok().map(Ipv6Addr::to_bits), "{}", text);
            }
        }

        #[test]
        fn what_is_written_is_read(address: u128, holes: u8) {
            let mut address = address;
            for group in 0..8 {
                if (holes >> group) & 1 != 0 {
                    address &= !(0xffff << (16 * group));
                }
            }
            let text = written(address, Family::Ipv6);
            prop_assert_eq!(super::address(text.as_bytes(), Family::Ipv6), Some(words(address)));
            let embeds = address >> 48 == 0;
            if !embeds {
                prop_assert_eq!(text, Ipv6Addr::from_bits(address).to_string());
            }
            let text = written(address, Family::Ipv4);
            prop_assert_eq!(ipv4_address(&text), Some(Ipv4Addr::from((address >> 96) as u32)));
        }
    }
}
