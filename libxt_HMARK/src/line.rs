// SPDX-License-Identifier: GPL-2.0-only

//! A line of output, put together before C prints it: `printf` for each number took iptables-save
//! longer than all else.

use core::ffi::CStr;

/// More than the longest rule takes, which has every option at its longest.
const SIZE: usize = 512;

/// Text that grows at its end. What goes beyond [`SIZE`] is left out.
pub struct Line {
    bytes: [u8; SIZE],
    len: usize,
}

impl Line {
    /// An empty line.
    pub const fn new() -> Self {
        Self {
            bytes: [0; SIZE],
            len: 0,
        }
    }

    /// The text so far.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Adds text.
    #[inline(never)]
    pub fn text(&mut self, text: &CStr) -> &mut Self {
        for &byte in text.to_bytes() {
            self.byte(byte);
        }
        self
    }

    /// Adds a number as C's `%u` prints it.
    #[inline(never)]
    pub fn decimal(&mut self, number: u32) -> &mut Self {
        self.digits(number, 10, 1)
    }

    /// Adds a number as C's `0x%x` prints it, with at least so many digits.
    #[inline(never)]
    pub fn hex(&mut self, number: u32, least: usize) -> &mut Self {
        self.text(c"0x").digits(number, 16, least)
    }

    #[inline(never)]
    fn digits(&mut self, mut number: u32, radix: u32, least: usize) -> &mut Self {
        // The last digit first. A number has up to 10.
        let mut digits = [0; 10];
        let mut count = 0;
        for digit in &mut digits {
            *digit = b"0123456789abcdef"[(number % radix) as usize % 16];
            count += 1;
            number /= radix;
            if number == 0 && count >= least {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &Line) -> &str {
        std::str::from_utf8(line.as_bytes()).unwrap()
    }

    #[test]
    fn numbers_are_as_c_prints_them() {
        for number in [0, 9, 10, 1_000_000_000, u32::MAX] {
            let mut line = Line::new();
            line.decimal(number);
            assert_eq!(text(&line), number.to_string());
        }
        for number in [0, 9, 0xa, 0xff, 0x1234, 0xdead_beef, u32::MAX] {
            for least in [1, 2, 4, 8] {
                let mut line = Line::new();
                line.hex(number, least);
                assert_eq!(text(&line), format!("0x{number:0least$x}"));
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut line = Line::new();
        for _ in 0..SIZE {
            line.text(c"ab-");
        }
        assert_eq!(line.as_bytes().len(), SIZE);
        assert!(text(&line).starts_with("ab-ab-"));
    }
}
