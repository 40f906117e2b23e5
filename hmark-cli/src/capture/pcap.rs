// SPDX-License-Identifier: GPL-2.0-only

//! The classic format of captures, `pcap`: in both byte orders, with microseconds or nanoseconds.
//!
//! Its description: <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html>

use std::io::Read;

use super::link::LinkType;
use super::window::{Window, MOST};
use super::{damaged, Cut, Error, Frame, Next, Order};

/// Bytes of a file's header, and of the header before each packet.
const FILE_HEADER: usize = 24;
const HEADER: usize = 16;

/// The most bytes that a packet can have. Longer ones are of a damaged file, even if its header allows
/// for more: libpcap has them for D-Bus alone.
const LONGEST: u32 = 16 << 20;

/// The state of a file.
pub(super) struct Pcap {
    order: Order,
    /// Nanoseconds in a unit of the fraction of seconds.
    unit: u64,
    link: LinkType,
    /// The most bytes that were captured of a packet.
    snap: u32,
    /// Offset and length of the packet that the window is at, which has been returned.
    passed: Option<(u64, u32)>,
}

impl Pcap {
    /// Reads the header of a file that begins with these four bytes.
    pub(super) fn open<R: Read>(magic: [u8; 4], window: &mut Window<R>) -> Result<Self, Error> {
        let (order, unit) = match magic {
            [0xa1, 0xb2, 0xc3, 0xd4] => (Order::Big, 1000),
            [0xd4, 0xc3, 0xb2, 0xa1] => (Order::Little, 1000),
            [0xa1, 0xb2, 0x3c, 0x4d] => (Order::Big, 1),
            [0x4d, 0x3c, 0xb2, 0xa1] => (Order::Little, 1),
            other => return Err(damaged(0, unknown(other))),
        };
        let Some(&header) = window.look(FILE_HEADER)?.first_chunk::<FILE_HEADER>() else {
            let reason = "the file ends within the header of a pcap capture";
            return Err(damaged(0, reason.to_owned()));
        };
        let word = |at| order.u32_at(&header, at).unwrap_or(0);
        let major = order.u16_at(&header, 4).unwrap_or(0);
        if major != 2 {
            return Err(damaged(
                4,
                format!("version {major} of pcap is not understood: 2 is"),
            ));
        }
        // The upper half is about checksums after frames.
        let [.., high, low] = word(20).to_be_bytes();
        let link = LinkType(u16::from_be_bytes([high, low]));
        if !link.is_known() {
            return Err(damaged(20, format!("link type {link} is not understood")));
        }
        window.pass(FILE_HEADER as u64)?;
        let most = u32::try_from(MOST).unwrap_or(LONGEST);
        Ok(Self {
            order,
            unit,
            link,
            snap: word(16).clamp(most, LONGEST),
            passed: None,
        })
    }

    #[inline]
    pub(super) fn next<'w, R: Read>(
        &mut self,
        window: &'w mut Window<R>,
    ) -> Result<Next<'w>, Error> {
        if let Some((offset, len)) = self.passed.take() {
            match window.pass(len.into())? {
                0 => {}
                lacking => return Ok(Next::Cut(Cut { offset, lacking })),
            }
        }
        let offset = window.offset();
        let header = window.look(HEADER)?;
        let Some(header) = header.first_chunk::<HEADER>() else {
            return Ok(match header.len() {
                0 => Next::End,
                held => Next::Cut(Cut {
                    offset,
                    lacking: HEADER.saturating_sub(held) as u64,
                }),
            });
        };
        let word = |at| self.order.u32_at(header, at).unwrap_or(0);
        let (seconds, fraction, captured, len) = (word(0), word(4), word(8), word(12));
        if captured > self.snap {
            return Err(damaged(
                offset,
                format!("a packet with {captured} bytes cannot be: the file is damaged here"),
            ));
        }
        window.pass(HEADER as u64)?;
        let wanted = usize::try_from(captured).unwrap_or(MOST).min(MOST);
        let bytes = window.look(wanted)?;
        if bytes.len() < wanted {
            let lacking = u64::from(captured).saturating_sub(bytes.len() as u64);
            return Ok(Next::Cut(Cut { offset, lacking }));
        }
        self.passed = Some((offset, captured));
        Ok(Next::Frame(Frame {
            link: self.link,
            bytes,
            len: len.max(captured).into(),
            time: u64::from(seconds)
                .saturating_mul(1_000_000_000)
                .saturating_add(u64::from(fraction).saturating_mul(self.unit)),
        }))
    }
}

/// The sentence for a file that begins with something else.
fn unknown(magic: [u8; 4]) -> String {
    let packed = match magic {
        [0x1f, 0x8b, ..] => "gzip",
        [0x28, 0xb5, 0x2f, 0xfd] => "zstd",
        [0xfd, b'7', b'z', b'X'] => "xz",
        [0x04, 0x22, 0x4d, 0x18] => "lz4",
        [b'B', b'Z', b'h', _] => "bzip2",
        [a, b, c, d] => {
            return format!("{a:02x} {b:02x} {c:02x} {d:02x} begins neither pcap nor pcapng");
        }
    };
    format!("the file is compressed: {packed} -dc FILE | hmark predict --pcap -")
}
