// SPDX-License-Identifier: GPL-2.0-only

//! Numbers, as iptables reads and writes them.

use crate::line::Line;

/// A notation of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    /// As C's `%u` writes it.
    Decimal,
    /// As C's `0x%x` writes it, with at least this many digits.
    Hex(u8),
}

impl Notation {
    /// Writes the number.
    pub(crate) fn write(self, number: u32, line: &mut Line) {
        match self {
            Self::Decimal => line.decimal(number),
            Self::Hex(least) => line.hex(number, least),
        };
    }
}

/// Reads a number of at most 32 bits as libxtables does: C's `strtoumax` with any base, nothing
/// after it, and no minus sign.
pub fn read(text: &[u8]) -> Option<u32> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let text = match text.iter().position(|byte| !blank(byte)) {
        Some(start) => text.get(start..)?,
        None => return None,
    };
    digits(text.strip_prefix(b"+").unwrap_or(text))
}

/// Reads a number of at most 32 bits that begins with a digit: hexadecimal after `0x`, octal after
/// any other `0`, else decimal.
pub fn digits(text: &[u8]) -> Option<u32> {
    let (radix, digits) = match text {
        [b'0', b'x' | b'X', digits @ ..] => (16, digits),
        [b'0', _, ..] => (8, text),
        _ => (10, text),
    };
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u32, |number, &byte| {
        let digit = char::from(byte).to_digit(radix)?;
        number.checked_mul(radix)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        for (text, number) in [
            ("0", 0),
            ("00", 0),
            ("007", 7),
            ("010", 8),
            ("+1", 1),
            (" 1", 1),
            ("\t\n\x0b\x0c\r +0x10", 16),
            ("0XfF", 0xff),
            ("0x0000000000000001", 1),
            ("4294967295", u32::MAX),
            ("0xffffffff", u32::MAX),
            ("037777777777", u32::MAX),
        ] {
            assert_eq!(read(text.as_bytes()), Some(number), "{text:?}");
        }
        for text in [
            "",
            " ",
            "+",
            "-1",
            "-0",
            " -1",
            "+-1",
            "++1",
            "+ 1",
            "08",
            "0x",
            "0xg",
            "0x-1",
            "0x+1",
            "0x 1",
            "0b1",
            "1 ",
            "1,2",
            "1e3",
            "a",
            "1\u{e4}",
            "4294967296",
            "0x100000000",
            "18446744073709551617",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text:?}");
        }
    }
}
