// SPDX-License-Identifier: GPL-2.0-only

//! The classic format of captures, `pcap`: in both byte orders, with microseconds or nanoseconds.
//!
//! `pcap-parser` knows its headers. What it cannot know is how long a packet may be before the file is
//! rather damaged.

use std::io::Read;

use pcap_parser::nom::{Err::Incomplete, Needed};
use pcap_parser::pcap::{parse_pcap_frame, parse_pcap_frame_be, parse_pcap_header, PcapHeader};

use super::link::LinkType;
use super::window::Window;
use super::{damaged, Cut, Error, Frame, Next};

/// Bytes of the header before each packet.
const HEADER: usize = 16;

/// The most bytes that a packet of a damaged file is thought to have: libpcap captures no more of one, but
/// for D-Bus.
const USUAL: u32 = 1 << 18;

/// The most bytes that a packet can have. Longer ones are of a damaged file, even if its header allows
/// for more.
pub(super) const LONGEST: u32 = 16 << 20;

/// The state of a file.
pub(super) struct Pcap {
    header: PcapHeader,
    link: LinkType,
    /// The most bytes that were captured of a packet.
    snap: u32,
    /// Bytes of the record that the window is at, whose packet has been returned.
    passed: usize,
}

impl Pcap {
    /// Reads the header of a file.
    pub(super) fn open<R: Read>(window: &mut Window<R>) -> Result<Self, Error> {
        let head = window.look(PcapHeader::new().size())?;
        let header = match parse_pcap_header(head) {
            Ok((_, header)) if !header.is_modified_format() => header,
            Err(Incomplete(_)) if head.len() >= 4 => {
                let reason = "the file ends within the header of a pcap capture";
                return Err(damaged(0, reason.to_owned()));
            }
            _ => return Err(damaged(0, unknown(head))),
        };
        let size = header.size() as u64;
        window.pass(size)?;
        if header.version_major != 2 {
            let major = header.version_major;
            let reason = format!("version {major} of pcap is not understood: 2 is");
            return Err(damaged(4, reason));
        }
        // The upper half is about checksums after frames.
        let [.., high, low] = header.network.0.to_be_bytes();
        let link = LinkType(u16::from_be_bytes([high, low]));
        if !link.is_known() {
            return Err(damaged(20, format!("link type {link} is not understood")));
        }
        Ok(Self {
            link,
            snap: header.snaplen.clamp(USUAL, LONGEST),
            header,
            passed: 0,
        })
    }

    #[inline]
    pub(super) fn next<'w, R: Read>(
        &mut self,
        window: &'w mut Window<R>,
    ) -> Result<Next<'w>, Error> {
        window.pass(std::mem::take(&mut self.passed) as u64)?;
        let parse = match self.header.is_bigendian() {
            true => parse_pcap_frame_be,
            false => parse_pcap_frame,
        };
        let offset = window.offset();
        let lie = |captured: usize| {
            let reason =
                format!("a packet with {captured} bytes cannot be: the file is damaged here");
            damaged(offset, reason)
        };
        let mut wanted = HEADER;
        loop {
            let held = window.look(wanted)?;
            let more = match parse(held) {
                Err(Incomplete(Needed::Size(more))) => more.get(),
                _ => break,
            };
            match held.len() {
                0 => return Ok(Next::End),
                len if len < wanted => {
                    let lacking = more as u64;
                    return Ok(Next::Cut(Cut { offset, lacking }));
                }
                _ => wanted = wanted.saturating_add(more),
            }
            let captured = wanted.saturating_sub(HEADER);
            if u32::try_from(captured).map_or(true, |captured| captured > self.snap) {
                return Err(lie(captured));
            }
        }
        // The window holds this already. To look again is what the borrow checker wants.
        let (_, record) = parse(window.look(wanted)?).map_err(|_| lie(wanted))?;
        self.passed = wanted;
        let unit = match self.header.is_nanosecond_precision() {
            true => 1,
            false => 1000,
        };
        Ok(Next::Frame(Frame {
            link: self.link,
            bytes: record.data,
            len: record.origlen.max(record.caplen).into(),
            time: u64::from(record.ts_sec)
                .saturating_mul(1_000_000_000)
                .saturating_add(u64::from(record.ts_usec).saturating_mul(unit)),
            is_big_endian: self.header.is_bigendian(),
        }))
    }
}

/// The sentence for a file that begins with something else.
fn unknown(head: &[u8]) -> String {
    let packed = match *head {
        [0x1f, 0x8b, ..] => "gzip",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd",
        [0xfd, b'7', b'z', b'X', ..] => "xz",
        [0x04, 0x22, 0x4d, 0x18, ..] => "lz4",
        [b'B', b'Z', b'h', ..] => "bzip2",
        [a, b, c, d, ..] => {
            return format!("{a:02x} {b:02x} {c:02x} {d:02x} begins neither pcap nor pcapng");
        }
        _ => return "the file is too short for a capture".to_owned(),
    };
    format!("the file is compressed: {packed} -dc FILE | hmark predict --pcap -")
}
