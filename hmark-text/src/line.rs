// SPDX-License-Identifier: GPL-2.0-only

//! A line of text, put together in memory: `printf` for each number took iptables-save longer than
//! all else.

use core::fmt;

/// More than the longest rule takes: one of 256 weights has 1.7 KiB of them, and all other options at
/// their longest take less than 600 bytes.
const SIZE: usize = 2560;

/// ASCII text that grows at its end, up to 2560 bytes. Any more is left out.
pub struct Line {
    bytes: [u8; SIZE],
    len: usize,
}

/// Something that has a text, in ASCII.
pub trait Text {
    /// Writes the text to the end of a line.
    fn write(&self, line: &mut Line);
}

impl Line {
    /// An empty line.
    pub const fn new() -> Self {
        Self {
            bytes: [0; SIZE],
            len: 0,
        }
    }

    /// A line that has the text of something.
    pub fn of(text: &impl Text) -> Self {
        let mut line = Self::new();
        text.write(&mut line);
        line
    }

    /// The text so far.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The number of bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Empties the line.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds text.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// Adds text, which must be ASCII.
    #[inline(never)]
    pub(crate) fn bytes(&mut self, text: &[u8]) -> &mut Self {
        let room = self.bytes.get_mut(self.len..).unwrap_or_default();
        for (to, &from) in room.iter_mut().zip(text) {
            *to = from;
        }
        self.len += text.len().min(room.len());
        self
    }

    /// Adds text of a user. Each byte that is not a visible ASCII character becomes a question mark.
    pub(crate) fn visible(&mut self, text: &[u8]) -> &mut Self {
        for &byte in text {
            self.byte(match byte {
                b' '..=b'~' => byte,
                _ => b'?',
            });
        }
        self
    }

    /// Adds blanks up to a width.
    pub(crate) fn pad_to(&mut self, width: usize) -> &mut Self {
        while self.len < width.min(SIZE) {
            self.byte(b' ');
        }
        self
    }

    /// Adds a number as C's `%u` writes it.
    #[inline(never)]
    pub(crate) fn decimal(&mut self, number: u32) -> &mut Self {
        self.digits(number, 10, 1)
    }

    /// Adds a number as C's `0x%x` writes it, with at least this many digits.
    #[inline(never)]
    pub(crate) fn hex(&mut self, number: u32, least: u8) -> &mut Self {
        self.text("0x").digits(number, 16, least)
    }

    /// Adds a number of a radix up to 16, with at least this many digits, of which 10 are kept.
    #[inline(never)]
    pub(crate) fn digits(&mut self, mut number: u32, radix: u32, least: u8) -> &mut Self {
        // The last digit first.
        let mut digits = [0; 10];
        let mut count = 0;
        for digit in &mut digits {
            let value = (number % radix) as u8;
            *digit = match value {
                0..=9 => b'0' + value,
                _ => b'a' - 10 + value,
            };
            count += 1;
            number /= radix;
            if number == 0 && count >= usize::from(least) {
                break;
            }
        }
        for &digit in digits.iter().take(count).rev() {
            self.byte(digit);
        }
        self
    }

    fn byte(&mut self, byte: u8) {
        if let Some(next) = self.bytes.get_mut(self.len) {
            *next = byte;
            self.len += 1;
        }
    }
}

impl Default for Line {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(self.as_bytes()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::ToString;

    use super::*;

    #[test]
    fn numbers_are_as_c_prints_them() {
        for number in [0, 9, 10, 1_000_000_000, u32::MAX] {
            let mut line = Line::new();
            line.decimal(number);
            assert_eq!(line.to_string(), number.to_string());
        }
        for number in [0, 9, 0xa, 0xff, 0x1234, 0xdead_beef, u32::MAX] {
            for least in [1, 2, 4, 8] {
                let mut line = Line::new();
                line.hex(number, least);
                let least = usize::from(least);
                assert_eq!(line.to_string(), format!("0x{number:0least$x}"));
            }
        }
    }

    #[test]
    fn text_is_kept_to_ascii() {
        let mut line = Line::new();
        line.visible(b"a\x1b[2J\x7f\xffb\tc d").pad_to(13).text("|");
        assert_eq!(line.to_string(), "a?[2J??b?c d |");
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut line = Line::new();
        for _ in 0..SIZE {
            line.text("ab-");
        }
        assert_eq!(line.as_bytes().len(), SIZE);
        assert!(line.to_string().starts_with("ab-ab-"));
    }
}
