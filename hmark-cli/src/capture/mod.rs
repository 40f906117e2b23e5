// SPDX-License-Identifier: GPL-2.0-only

//! Captures: pcap and pcapng files, as streams of frames, in constant memory.
//!
//! A [`Capture`] gives one [`Frame`] after the other, and [`IpPacket::find`] the IP packet in it.

mod interface;
pub mod link;
mod nflog;
mod packet;
mod pcap;
mod pcapng;
#[cfg(test)]
mod tests;
mod window;

use std::fmt;
use std::io::{self, Read};

use self::link::LinkType;
pub use self::packet::IpPacket;
use self::pcap::Pcap;
use self::pcapng::Pcapng;
use self::window::Window;

/// A captured frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'c> {
    /// The type of its link layer.
    pub link: LinkType,
    /// The captured bytes, from the link layer's header on.
    pub bytes: &'c [u8],
    /// Length on the wire in bytes, of which fewer may have been captured.
    pub len: u64,
    /// Time since 1970-01-01 00:00 UTC in nanoseconds; 0 if it is not known.
    pub time: u64,
    /// True if the file is big-endian, as the machine that captured most likely was.
    pub is_big_endian: bool,
}

/// The reason why a capture cannot be read on.
#[derive(Debug)]
pub enum Error {
    /// The stream cannot be read.
    Io(io::Error),
    /// The bytes at `offset` in the file cannot be what the format says.
    Damaged {
        /// Bytes from the start of the file.
        offset: u64,
        /// A sentence without full stop.
        reason: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Damaged { offset, reason } => write!(f, "at offset {offset}: {reason}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The end of a file that lacks the end of its last packet or block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The packet's or block's offset in the file, in bytes.
    pub offset: u64,
    /// The number of bytes that the file lacks at least.
    pub lacking: u64,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, lacking } = self;
        let bytes = match lacking {
            1 => "byte",
            _ => "bytes",
        };
        write!(
            f,
            "the file is cut in its last packet, at offset {offset}: it lacks {lacking} {bytes}"
        )
    }
}

/// A capture: a file or stream in one of the formats.
pub struct Capture<R> {
    window: Window<R>,
    format: Format,
    cut: Option<Cut>,
}

enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

/// The next record of a file.
enum Next<'c> {
    Frame(Frame<'c>),
    End,
    Cut(Cut),
}

impl<R: Read> Capture<R> {
    /// Reads the head of a capture.
    ///
    /// # Errors
    /// If it is none, or cannot be read.
    pub fn open(stream: R) -> Result<Self, Error> {
        let mut window = Window::new(stream);
        let format = match window.look(4)? {
            [] => return Err(damaged(0, "the file is empty".to_owned())),
            head if head == pcapng::START => Format::Pcapng(Pcapng::new()),
            _ => Format::Pcap(Pcap::open(&mut window)?),
        };
        Ok(Self {
            window,
            format,
            cut: None,
        })
    }

    /// The next frame; [`None`] at the end of the file.
    ///
    /// # Errors
    /// If it cannot be read. There are no more frames then.
    // A frame lends from the capture, and so this is not `Iterator::next`.
    #[allow(clippy::should_implement_trait)]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, Error> {
        let next = match &mut self.format {
            Format::Pcap(pcap) => pcap.next(&mut self.window)?,
            Format::Pcapng(pcapng) => pcapng.next(&mut self.window)?,
        };
        match next {
            Next::Frame(frame) => Ok(Some(frame)),
            Next::End => Ok(None),
            Next::Cut(cut) => {
                self.cut = Some(cut);
                Ok(None)
            }
        }
    }

    /// Bytes of the file that have been read so far.
    pub fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// Tells, after the last frame, whether the file was cut.
    pub fn cut(&self) -> Option<Cut> {
        self.cut
    }
}

fn damaged(offset: u64, reason: String) -> Error {
    Error::Damaged { offset, reason }
}
