// SPDX-License-Identifier: GPL-2.0-only

//! Files that a user may give to `hmark`: captures and lists of flows. Nothing in them makes it panic, and
//! what it reads of them is consistent.

use std::io::{self, Cursor, Read};

use hmark::rule::{v0, v1};
use hmark_cli::capture::link::LinkType;
use hmark_cli::capture::{Capture, Error, IpPacket};
use hmark_cli::flow::{Flow, Layer4};
use hmark_cli::flows::{Format, List};
use hmark_cli::predict::identity::Identities;

/// A frame as it was read: link layer and byte order, captured bytes, length on the wire, time.
type Frame = ((u16, bool), Vec<u8>, u64, u64);

/// A stream that gives few bytes at a time.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(self.1);
        self.0.read(&mut buffer[..len])
    }
}

/// The frames of a capture, and how it ends.
fn frames(stream: impl Read) -> (Vec<Frame>, Result<bool, String>) {
    let mut frames = Vec::new();
    let read = || -> Result<bool, Error> {
        let mut capture = Capture::open(stream)?;
        while let Some(frame) = capture.next()? {
            let kind = (frame.link.0, frame.is_big_endian);
            frames.push((kind, frame.bytes.to_vec(), frame.len, frame.time));
        }
        Ok(capture.cut().is_some())
    };
    let end = read().map_err(|error| error.to_string());
    (frames, end)
}

/// Checks a capture, and returns the number of its frames and of IP packets in them.
///
/// [`None`] if it is no capture.
///
/// # Panics
/// If something does not hold.
pub fn check_capture(input: &[u8]) -> Option<(usize, usize)> {
    let (found, end) = frames(input);
    // The pieces in which a file comes do not matter.
    for size in [1, 7] {
        let (in_pieces, end_in_pieces) = frames(Pieces(input, size));
        assert_eq!((&found, &end), (&in_pieces, &end_in_pieces));
    }
    // A file that is cut has the frames before.
    let half = input.get(..input.len() / 2).unwrap_or_default();
    let (first, half_end) = frames(half);
    assert!(found.starts_with(&first));
    assert!(
        end.is_err() || half_end.is_ok() || first.is_empty(),
        "{end:?}, {half_end:?}"
    );

    let rule = rule();
    let identities = Identities::new(Some(&rule));
    let mut packets = 0;
    for ((link, is_big_endian), bytes, len, time) in &found {
        assert!(bytes.len() as u64 <= *len && bytes.len() <= input.len());
        let frame = hmark_cli::capture::Frame {
            link: LinkType(*link),
            bytes,
            len: *len,
            time: *time,
            is_big_endian: *is_big_endian,
        };
        let Ok(packet) = IpPacket::find(frame.link, &frame) else {
            continue;
        };
        packets += 1;
        // NFLOG alone records marks, and packets of which the frame never had the end.
        let is_recorded = frame.link == LinkType::NFLOG;
        assert_eq!(packet.mark.is_some(), is_recorded);
        assert!(packet.bytes.len() <= bytes.len());
        assert!(is_recorded || u64::from(packet.len) <= *len);
        assert!(packet.bytes.len() >= packet.family.header_len());
        let raw = packet.raw();
        let mark = hmark::mark(packet.family, &raw, &rule);
        // A packet that is all there has the mark of its bytes.
        if packet.bytes.len() as u64 == u64::from(packet.len) {
            assert!(!raw.was_cut());
            assert_eq!(mark, hmark::mark(packet.family, packet.bytes, &rule));
        }
        if let Some(identity) = identities.of(packet.family, &packet.raw()) {
            let _ = identity.flow(&packet.raw());
            let _ = identity.connection(&packet.raw(), true);
        }
    }
    (end.is_ok() || !found.is_empty()).then_some((found.len(), packets))
}

/// A rule that looks at all of a packet.
fn rule() -> v1::Info {
    let v0 = v0::Info {
        src_mask: [u32::MAX; 4],
        dst_mask: [u32::MAX; 4],
        port_mask: u32::MAX,
        proto_mask: u16::MAX,
        hmodulus: 70,
        flags: v1::flag::INNER,
        ..v0::Info::default()
    };
    v1::Info {
        gtpu_port: 2152,
        vxlan_port: 4789,
        geneve_port: 6081,
        inner: u8::MAX,
        ..v1::Info::from(v0)
    }
}

/// Checks a list of flows, whose format the first byte decides: `c` for conntrack's, and else CSV. Returns
/// the number of its flows, and whether it is right to its end.
///
/// # Panics
/// If something does not hold.
pub fn check_flows(input: &[u8]) -> (usize, bool) {
    let (format, text) = match input.split_first() {
        Some((b'c', text)) => (Format::Conntrack, text),
        Some((_, text)) => (Format::Csv, text),
        None => (Format::Csv, input),
    };
    let rule = rule();
    let mut list = List::new(Cursor::new(text), format);
    let mut flows = 0;
    while let Some(listed) = list.next() {
        assert!(list.offset() <= text.len() as u64);
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => {
                let error = error.to_string();
                assert!(
                    error.starts_with("line ") && !error.contains(char::is_control),
                    "{error}"
                );
                // Nothing follows an error.
                assert!(list.next().is_none());
                return (flows, false);
            }
        };
        flows += 1;
        let flow = listed.flow;
        // Lists need not have the SPI, which a person is asked for.
        let has_all = !flow.protocol.has_spi() || flow.layer4 != Layer4::None;
        let read = flow.to_string().parse::<Flow>().ok();
        assert_eq!(read, has_all.then_some(flow), "{flow}");
        let mark = hmark::mark(flow.family(), &flow.packet(), &rule);
        assert!(
            mark.is_some_and(|mark| mark < 70) || flow.protocol.is_icmp(),
            "{flow}"
        );
        if let Some(entry) = listed.entry {
            assert!(entry.tracking(&flow).is_ok(), "{entry:?}");
        }
    }
    (flows, true)
}
