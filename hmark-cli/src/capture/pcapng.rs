// SPDX-License-Identifier: GPL-2.0-only

//! The newer format of captures, `pcapng`: sections with several interfaces, each with its own link
//! layer, and blocks of which only those with packets and interfaces matter here.
//!
//! `pcap-parser` knows those. The others are passed by their lengths, however long they are and whatever
//! is in them. The blocks: <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html>

use std::io::Read;

use pcap_parser::nom::IResult;
use pcap_parser::pcapng::{parse_block_be, parse_block_le, Block, BOM_MAGIC};
use pcap_parser::pcapng::{EPB_MAGIC as PACKET, SPB_MAGIC as SIMPLE_PACKET};
use pcap_parser::pcapng::{IDB_MAGIC as INTERFACE, SHB_MAGIC as SECTION};
use pcap_parser::PcapError;

use super::interface::Interface;
use super::pcap::LONGEST;
use super::window::Window;
use super::{damaged, Cut, Error, Frame, Next};

/// The first bytes of a file: the type of a block that begins a section, the same in both byte orders.
pub(super) const START: [u8; 4] = SECTION.to_be_bytes();

/// The type of packets' blocks that programs wrote before 2010.
const OLD_PACKET: u32 = 2;

/// Bytes that are read of a block to know its type, its length, and the byte order of a section. An empty
/// block has no more.
const HEAD: usize = 12;

/// The most bytes of a block that is read. Options take no more than a packet.
const LONGEST_BLOCK: u32 = 2 * LONGEST;

/// The most interfaces of a section: more would be those of a damaged file, and take memory.
const MOST_INTERFACES: usize = 1 << 16;

/// The state of a file.
pub(super) struct Pcapng {
    is_big_endian: bool,
    interfaces: Vec<Interface>,
    /// Bytes of the block that the window is at, whose packet has been returned.
    passed: u32,
}

type Parser = fn(&[u8]) -> IResult<&[u8], Block<'_>, PcapError<&[u8]>>;

/// A packet in its block.
struct Packet<'w> {
    interface: usize,
    bytes: &'w [u8],
    len: u32,
    /// In the interface's units.
    time: Option<u64>,
}

impl Pcapng {
    pub(super) fn new() -> Self {
        Self {
            is_big_endian: false,
            interfaces: Vec::new(),
            passed: 0,
        }
    }

    #[inline]
    pub(super) fn next<'w, R: Read>(
        &mut self,
        window: &'w mut Window<R>,
    ) -> Result<Next<'w>, Error> {
        loop {
            let last = window.offset();
            let lacking = window.pass(std::mem::take(&mut self.passed).into())?;
            if lacking > 0 {
                let offset = last;
                return Ok(Next::Cut(Cut { offset, lacking }));
            }
            let offset = window.offset();
            let head = window.look(HEAD)?;
            let Some(&head) = head.first_chunk::<HEAD>() else {
                let lacking = HEAD.saturating_sub(head.len()) as u64;
                return Ok(match head.is_empty() {
                    true => Next::End,
                    false => Next::Cut(Cut { offset, lacking }),
                });
            };
            let [a, b, c, d, length @ .., e, f, g, h] = head;
            let kind = [a, b, c, d];
            if kind == START {
                self.is_big_endian = [e, f, g, h] == BOM_MAGIC.to_be_bytes();
            }
            let (kind, len) = (self.word(kind), self.word(length));
            let lie = || {
                let reason =
                    format!("a block with {len} bytes cannot be: the file is damaged here");
                damaged(offset, reason)
            };
            if len < 12 || len % 4 != 0 {
                return Err(lie());
            }
            self.passed = len;
            let is_packet = matches!(kind, PACKET | SIMPLE_PACKET | OLD_PACKET);
            if !is_packet && !matches!(kind, SECTION | INTERFACE) {
                continue;
            }
            if len > LONGEST_BLOCK {
                return Err(lie());
            }
            let wanted = usize::try_from(len).map_err(|_| lie())?;
            let held = window.look(wanted)?;
            if held.len() < wanted {
                let lacking = wanted.saturating_sub(held.len()) as u64;
                return Ok(Next::Cut(Cut { offset, lacking }));
            }
            if let Some(end) = held.last_chunk().map(|&end| self.word(end)) {
                if end != len {
                    let place = offset.saturating_add(len.saturating_sub(4).into());
                    let reason = format!("a block of {len} bytes ends with the length {end}");
                    return Err(damaged(place, reason));
                }
            }
            if !is_packet {
                let (_, block) = self.parser()(held).map_err(|_| lie())?;
                self.note(&block)
                    .map_err(|reason| damaged(offset, reason))?;
                continue;
            }
            // The window holds this already. To look again is what the borrow checker wants.
            let (_, block) = self.parser()(window.look(wanted)?).map_err(|_| lie())?;
            let packet = self.packet(block).ok_or_else(lie)?;
            let Some(interface) = self.interfaces.get(packet.interface) else {
                let (number, count) = (packet.interface, self.interfaces.len());
                let reason =
                    format!("a packet of interface {number}, of which the section has {count}");
                return Err(damaged(offset, reason));
            };
            return Ok(Next::Frame(Frame {
                link: interface.link,
                bytes: packet.bytes,
                len: u64::from(packet.len).max(packet.bytes.len() as u64),
                time: packet.time.map_or(0, |time| interface.nanoseconds(time)),
                is_big_endian: self.is_big_endian,
            }));
        }
    }

    fn word(&self, bytes: [u8; 4]) -> u32 {
        match self.is_big_endian {
            true => u32::from_be_bytes(bytes),
            false => u32::from_le_bytes(bytes),
        }
    }

    fn parser(&self) -> Parser {
        match self.is_big_endian {
            true => parse_block_be,
            false => parse_block_le,
        }
    }

    /// Notes what matters of a block for the packets after it.
    fn note(&mut self, block: &Block<'_>) -> Result<(), String> {
        match block {
            Block::SectionHeader(section) if section.major_version != 1 => {
                let major = section.major_version;
                return Err(format!("version {major} of pcapng is not understood: 1 is"));
            }
            Block::SectionHeader(_) => self.interfaces.clear(),
            Block::InterfaceDescription(_) if self.interfaces.len() >= MOST_INTERFACES => {
                return Err(format!(
                    "the section has more than {MOST_INTERFACES} interfaces"
                ));
            }
            Block::InterfaceDescription(interface) => self
                .interfaces
                .push(Interface::new(interface, self.is_big_endian)),
            _ => {}
        }
        Ok(())
    }

    /// The packet in its block.
    fn packet<'w>(&self, block: Block<'w>) -> Option<Packet<'w>> {
        let time = |high, low| Some((u64::from(high) << 32) | u64::from(low));
        Some(match block {
            Block::EnhancedPacket(packet) => Packet {
                interface: usize::try_from(packet.if_id).ok()?,
                bytes: packet.data.get(..usize::try_from(packet.caplen).ok()?)?,
                len: packet.origlen,
                time: time(packet.ts_high, packet.ts_low),
            },
            // A packet of the first interface, as far as it was captured and the block has room.
            Block::SimplePacket(packet) => {
                let snap = self.interfaces.first().map_or(0, |first| first.snap);
                let captured = match snap {
                    0 => packet.origlen,
                    snap => packet.origlen.min(snap),
                };
                let captured = usize::try_from(captured).ok()?;
                Packet {
                    interface: 0,
                    bytes: packet.data.get(..captured).unwrap_or(packet.data),
                    len: packet.origlen,
                    time: None,
                }
            }
            // Interface and drops have 16 bits each, and the rest is as it is now.
            Block::Unknown(block) => {
                let (&[a, b, _, _], rest) = block.data.split_first_chunk()?;
                let (words, data) = rest.split_first_chunk::<16>()?;
                let mut words = words.chunks_exact(4).filter_map(<[u8]>::first_chunk);
                let mut word = || words.next().map(|&word| self.word(word));
                let time = time(word()?, word()?);
                let captured = usize::try_from(word()?).ok()?;
                Packet {
                    interface: match self.is_big_endian {
                        true => u16::from_be_bytes([a, b]).into(),
                        false => u16::from_le_bytes([a, b]).into(),
                    },
                    bytes: data.get(..captured)?,
                    len: word()?,
                    time,
                }
            }
            _ => return None,
        })
    }
}
