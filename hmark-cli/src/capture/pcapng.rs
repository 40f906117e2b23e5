// SPDX-License-Identifier: GPL-2.0-only

//! The newer format of captures, `pcapng`: sections with several interfaces, each with its own link
//! layer, and blocks of which only those with packets and interfaces matter here.
//!
//! Its description: <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html>

use std::io::Read;

use super::interface::Interface;
use super::link::LinkType;
use super::window::{Window, MOST};
use super::{damaged, Cut, Error, Frame, Next, Order};

/// The type of a block that begins a section, the same in both byte orders: the first bytes of a file.
pub(super) const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// Types of blocks.
mod kind {
    pub(super) const SECTION: u32 = u32::from_be_bytes(super::SECTION);
    pub(super) const INTERFACE: u32 = 1;
    pub(super) const OLD_PACKET: u32 = 2;
    pub(super) const SIMPLE_PACKET: u32 = 3;
    pub(super) const PACKET: u32 = 6;
}

/// Bytes of a block's type and length, and of those and the length that is repeated at its end.
const HEAD: usize = 8;
const FRAME: u32 = 12;

/// The most interfaces of a section: more would be those of a damaged file, and take memory.
const MOST_INTERFACES: usize = 1 << 16;

/// The state of a file.
pub(super) struct Pcapng {
    order: Order,
    interfaces: Vec<Interface>,
    /// The block that the window is in, of which the packet has been returned.
    passed: Option<Block>,
}

/// A block in the file.
#[derive(Clone, Copy)]
struct Block {
    kind: u32,
    offset: u64,
    /// Bytes of the block, from its type to the second length.
    len: u32,
}

/// A packet in the body of its block, which begins after the block's type and length.
struct Packet {
    interface: usize,
    /// Offset in the body.
    start: usize,
    captured: u32,
    len: u32,
    time: Option<u64>,
}

impl Pcapng {
    pub(super) fn new() -> Self {
        Self {
            order: Order::Little,
            interfaces: Vec::new(),
            passed: None,
        }
    }

    #[inline]
    pub(super) fn next<'w, R: Read>(
        &mut self,
        window: &'w mut Window<R>,
    ) -> Result<Next<'w>, Error> {
        loop {
            if let Some(block) = self.passed.take() {
                if let Some(cut) = self.leave(block, window)? {
                    return Ok(Next::Cut(cut));
                }
            }
            let offset = window.offset();
            let head = window.look(HEAD.saturating_add(4))?;
            // An empty block has no more than that.
            let Some(&head) = head.first_chunk::<12>() else {
                return Ok(match head.len() {
                    0 => Next::End,
                    held => Next::Cut(Cut {
                        offset,
                        lacking: 12usize.saturating_sub(held) as u64,
                    }),
                });
            };
            let block = self.block(offset, &head)?;
            self.passed = Some(block);
            let body = usize::try_from(block.len.saturating_sub(FRAME)).unwrap_or(MOST);
            match block.kind {
                kind::SECTION => self.begin_section(block, window)?,
                kind::INTERFACE => {
                    let body = self.body(window, body)?;
                    self.add_interface(block, body)?;
                }
                kind::PACKET | kind::SIMPLE_PACKET | kind::OLD_PACKET => {
                    let held = window.look(HEAD.saturating_add(body))?.len();
                    if held < HEAD.saturating_add(body).min(MOST) {
                        let lacking = u64::from(block.len).saturating_sub(held as u64);
                        return Ok(Next::Cut(Cut { offset, lacking }));
                    }
                    // The window holds this already. To look again is what the borrow checker wants.
                    let body = self.body(window, body)?;
                    return self.packet(block, body).map(Next::Frame);
                }
                _ => {}
            }
        }
    }

    /// The first `len` bytes of the body of the block that the window is at.
    fn body<'w, R: Read>(&self, window: &'w mut Window<R>, len: usize) -> Result<&'w [u8], Error> {
        let block = window.look(HEAD.saturating_add(len))?;
        Ok(block.get(HEAD..).unwrap_or_default())
    }

    /// Reads type and length of a block. The byte order of a section is in its first block.
    fn block(&mut self, offset: u64, head: &[u8; 12]) -> Result<Block, Error> {
        let [a, b, c, d, length @ .., e, f, g, h] = *head;
        let kind = [a, b, c, d];
        if kind == SECTION {
            self.order = match [e, f, g, h] {
                [0x1a, 0x2b, 0x3c, 0x4d] => Order::Big,
                [0x4d, 0x3c, 0x2b, 0x1a] => Order::Little,
                _ => {
                    let reason = "the section has no byte order";
                    return Err(damaged(offset.saturating_add(8), reason.to_owned()));
                }
            };
        }
        let block = Block {
            kind: self.order.u32(kind),
            offset,
            len: self.order.u32(length),
        };
        if block.len < FRAME || block.len % 4 != 0 {
            return Err(damaged(
                offset,
                format!(
                    "a block with {} bytes cannot be: the file is damaged here",
                    block.len
                ),
            ));
        }
        Ok(block)
    }

    /// Passes a block, and checks that it ends with its length.
    fn leave<R: Read>(&self, block: Block, window: &mut Window<R>) -> Result<Option<Cut>, Error> {
        let cut = |lacking| {
            Some(Cut {
                offset: block.offset,
                lacking,
            })
        };
        let lacking = window.pass(block.len.saturating_sub(4).into())?;
        if lacking != 0 {
            return Ok(cut(lacking.saturating_add(4)));
        }
        let end = window.look(4)?;
        let Some(&end) = end.first_chunk() else {
            return Ok(cut(4usize.saturating_sub(end.len()) as u64));
        };
        let len = self.order.u32(end);
        if len != block.len {
            return Err(damaged(
                window.offset(),
                format!("a block of {} bytes ends with the length {len}", block.len),
            ));
        }
        window.pass(4)?;
        Ok(None)
    }

    fn begin_section<R: Read>(
        &mut self,
        block: Block,
        window: &mut Window<R>,
    ) -> Result<(), Error> {
        self.interfaces.clear();
        // A file that is cut here is found to be when the block is left.
        let body = self.body(window, 16)?;
        let Some(major) = self.order.u16_at(body, 4) else {
            return Ok(());
        };
        if major != 1 {
            let reason = format!("version {major} of pcapng is not understood: 1 is");
            return Err(damaged(block.offset.saturating_add(12), reason));
        }
        match block.len < 28 {
            true => Err(damaged(
                block.offset,
                "the section's head is too short".to_owned(),
            )),
            false => Ok(()),
        }
    }

    fn add_interface(&mut self, block: Block, body: &[u8]) -> Result<(), Error> {
        let (Some(link), Some(snap)) = (self.order.u16_at(body, 0), self.order.u32_at(body, 4))
        else {
            return match block.len < 20 {
                true => Err(damaged(
                    block.offset,
                    "an interface's block is too short".to_owned(),
                )),
                false => Ok(()),
            };
        };
        if self.interfaces.len() >= MOST_INTERFACES {
            let reason = format!("the section has more than {MOST_INTERFACES} interfaces");
            return Err(damaged(block.offset, reason));
        }
        let options = body.get(8..).unwrap_or_default();
        let interface = Interface::new(LinkType(link), snap, options, self.order);
        self.interfaces.push(interface);
        Ok(())
    }

    /// The frame in the body of a packet's block.
    fn packet<'w>(&self, block: Block, body: &'w [u8]) -> Result<Frame<'w>, Error> {
        let found = match block.kind {
            kind::PACKET => self.enhanced(body),
            kind::SIMPLE_PACKET => self.simple(block, body),
            _ => self.old(body),
        };
        let short = || damaged(block.offset, "a packet's block is too short".to_owned());
        let found = found.ok_or_else(short)?;
        let Some(interface) = self.interfaces.get(found.interface) else {
            let reason = format!(
                "a packet of interface {}, of which the section has {}",
                found.interface,
                self.interfaces.len()
            );
            return Err(damaged(block.offset, reason));
        };
        let room = block.len.saturating_sub(FRAME);
        let room = room.saturating_sub(u32::try_from(found.start).unwrap_or(u32::MAX));
        if found.captured > room {
            let reason = format!(
                "a packet of {} bytes in a block with {room}",
                found.captured
            );
            return Err(damaged(block.offset, reason));
        }
        let bytes = body.get(found.start..).ok_or_else(short)?;
        let captured = usize::try_from(found.captured).unwrap_or(usize::MAX);
        Ok(Frame {
            link: interface.link,
            bytes: bytes.get(..captured).unwrap_or(bytes),
            len: found.len.max(found.captured).into(),
            time: found.time.map_or(0, |time| interface.nanoseconds(time)),
        })
    }

    fn enhanced(&self, body: &[u8]) -> Option<Packet> {
        let word = |at| self.order.u32_at(body, at);
        Some(Packet {
            interface: usize::try_from(word(0)?).ok()?,
            start: 20,
            captured: word(12)?,
            len: word(16)?,
            time: Some((u64::from(word(4)?) << 32) | u64::from(word(8)?)),
        })
    }

    /// A packet of the first interface, as far as it was captured and the block has room.
    fn simple(&self, block: Block, body: &[u8]) -> Option<Packet> {
        let len = self.order.u32_at(body, 0)?;
        let snap = self
            .interfaces
            .first()
            .map_or(0, |interface| interface.snap);
        let captured = match snap {
            0 => len,
            snap => len.min(snap),
        };
        let room = block.len.saturating_sub(FRAME).saturating_sub(4);
        Some(Packet {
            interface: 0,
            start: 4,
            captured: captured.min(room),
            len,
            time: None,
        })
    }

    /// The packet of a block as programs wrote it before 2010.
    fn old(&self, body: &[u8]) -> Option<Packet> {
        let enhanced = self.enhanced(body)?;
        Some(Packet {
            interface: self.order.u16_at(body, 0)?.into(),
            ..enhanced
        })
    }
}
