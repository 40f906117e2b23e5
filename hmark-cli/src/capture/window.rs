// SPDX-License-Identifier: GPL-2.0-only

//! A window onto a stream: reads it in large pieces, and holds one megabyte of it, or as much as one piece
//! takes.
//!
//! The readers of `pcap-parser` 0.17 cannot be used in its place, as its parsers are: they give up where a
//! read is interrupted, lose the error of one that fails, want a file's first block in the first read, and
//! hold each block whole, even one of four gigabytes that does not matter.

use std::io::{self, ErrorKind, Read};

/// The bytes that are held. A piece that is not complete is moved to the front before the rest of it is
/// read, and a small buffer would have much to move.
const HELD: usize = 1 << 20;

/// A stream, from a place in it on.
pub(super) struct Window<R> {
    stream: R,
    buffer: Vec<u8>,
    /// The part of `buffer` that has been read from the stream, and is not passed yet.
    start: usize,
    end: usize,
    /// Offset of `start` in the stream.
    offset: u64,
    is_over: bool,
}

impl<R: Read> Window<R> {
    pub(super) fn new(stream: R) -> Self {
        Self {
            stream,
            buffer: vec![0; HELD],
            start: 0,
            end: 0,
            offset: 0,
            is_over: false,
        }
    }

    /// Bytes from the start of the stream to the next one.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next `len` bytes, or fewer if the stream ends before. The caller bounds their number.
    #[inline]
    pub(super) fn look(&mut self, len: usize) -> io::Result<&[u8]> {
        if self.end.saturating_sub(self.start) < len {
            self.read(len)?;
        }
        let end = self.start.saturating_add(len).min(self.end);
        Ok(self.buffer.get(self.start..end).unwrap_or_default())
    }

    /// Passes `len` bytes, and returns how many of them the stream lacks.
    #[inline]
    pub(super) fn pass(&mut self, mut len: u64) -> io::Result<u64> {
        loop {
            let held = self.end.saturating_sub(self.start);
            let passed = usize::try_from(len).map_or(held, |len| held.min(len));
            self.start = self.start.saturating_add(passed);
            self.offset = self.offset.saturating_add(passed as u64);
            len = len.saturating_sub(passed as u64);
            if len == 0 || self.is_over {
                return Ok(len);
            }
            self.read(1)?;
        }
    }

    /// Reads until `len` bytes are held, or the stream ends.
    fn read(&mut self, len: usize) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.buffer.resize(self.buffer.len().max(len), 0);
        (self.start, self.end) = (0, self.end.saturating_sub(self.start));
        while self.end < len && !self.is_over {
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.stream.read(room) {
                Ok(0) => self.is_over = true,
                Ok(read) => self.end = self.end.saturating_add(read),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
