// SPDX-License-Identifier: GPL-2.0-only

//! The tuple: the parts of a packet or connection that a rule hashes, already masked.

use super::rule::Selection;
use super::walk::{ipv4, ipv6, ports, protocol, Place};
use super::{Connection, Ends, Family, Packet};

/// Masked addresses, ports and protocol, with source and destination as in the packet, or as in the
/// reply to it if an ICMP error is hashed so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuple {
    /// The family of the addresses.
    pub family: Family,
    /// Source address.
    pub src: Address,
    /// Destination address.
    pub dst: Address,
    /// Source port in the upper half and destination port in the lower one, or the SPI; host byte
    /// order. 0 if there are none.
    pub ports: u32,
    /// Layer 4 protocol; 0 if it is not hashed.
    pub protocol: u8,
}

impl Tuple {
    /// The tuple of a packet that has nothing to hash: all zero.
    #[inline(always)]
    pub(super) const fn empty(family: Family) -> Self {
        Self {
            family,
            src: Address([0; 2]),
            dst: Address([0; 2]),
            ports: 0,
            protocol: 0,
        }
    }

    /// The tuple of a packet in which the walk has found this `place`.
    ///
    /// [`None`] if the packet ends before its ports.
    #[inline(always)]
    pub(super) fn complete<P: Packet + ?Sized>(
        packet: &P,
        place: &Place,
        selection: &Selection<'_>,
    ) -> Option<Self> {
        let layer4 = Layer4::read(packet, place, selection)?;
        Self::with_addresses(packet, place, layer4, selection)
    }

    /// Like [`Tuple::complete`], but without ports if the packet ends before them.
    ///
    /// [`None`] if there is no IP header at the place.
    #[inline(always)]
    pub(super) fn of<P: Packet + ?Sized>(
        packet: &P,
        place: &Place,
        selection: &Selection<'_>,
    ) -> Option<Self> {
        let layer4 = Layer4::read(packet, place, selection)
            .unwrap_or_else(|| Layer4::new(0, place.protocol, selection));
        Self::with_addresses(packet, place, layer4, selection)
    }

    #[inline(always)]
    fn with_addresses<P: Packet + ?Sized>(
        packet: &P,
        place: &Place,
        layer4: Layer4,
        selection: &Selection<'_>,
    ) -> Option<Self> {
        let (src, dst) = match place.family {
            Family::Ipv4 => ipv4::addresses(packet, place.network)?,
            Family::Ipv6 => ipv6::addresses(packet, place.network)?,
        };
        let ends = match is_reversed(place, selection) {
            true => (dst, src),
            false => (src, dst),
        };
        Some(Self::new(place.family, ends, layer4, selection))
    }

    /// The tuple of a tracked connection.
    #[inline(always)]
    pub(super) fn of_connection(connection: &Connection, selection: &Selection<'_>) -> Self {
        let (family, ends) = match connection.ends {
            Ends::None => (Family::Ipv4, (Address::default(), Address::default())),
            Ends::Ipv4 { original, reply } => (
                Family::Ipv4,
                (Address::from_ipv4(original), Address::from_ipv4(reply)),
            ),
            Ends::Ipv6 { original, reply } => (
                Family::Ipv6,
                (Address::from_words(original), Address::from_words(reply)),
            ),
        };
        let layer4 = match selection.layer3_only {
            true => Layer4::default(),
            false => {
                let ports = match connection.protocol {
                    // ICMP has an id in place of ports. It is not hashed, but ICMPv6's is, as in
                    // the C module.
                    protocol::ICMP => 0,
                    _ => ports::select(connection.ports(), selection),
                };
                Layer4::new(ports, connection.protocol, selection)
            }
        };
        Self::new(family, ends, layer4, selection)
    }

    #[inline(always)]
    fn new(
        family: Family,
        (src, dst): (Address, Address),
        layer4: Layer4,
        selection: &Selection<'_>,
    ) -> Self {
        Self {
            family,
            src: src.masked(selection.src_mask),
            dst: dst.masked(selection.dst_mask),
            ports: layer4.ports,
            protocol: layer4.protocol,
        }
    }
}

/// Whether source and destination are exchanged.
#[inline(always)]
fn is_reversed(place: &Place, selection: &Selection<'_>) -> bool {
    selection.reverses_errors && place.quoted
}

/// Ports and protocol, as in a [`Tuple`].
#[derive(Default)]
struct Layer4 {
    ports: u32,
    protocol: u8,
}

impl Layer4 {
    /// [`None`] if the packet ends before its ports.
    #[inline(always)]
    fn read<P: Packet + ?Sized>(
        packet: &P,
        place: &Place,
        selection: &Selection<'_>,
    ) -> Option<Self> {
        if selection.layer3_only {
            return Some(Self::default());
        }
        let ports = ports::read(packet, place, selection, is_reversed(place, selection))?;
        Some(Self::new(ports, place.protocol, selection))
    }

    #[inline(always)]
    fn new(ports: u32, protocol: u8, selection: &Selection<'_>) -> Self {
        // A protocol has 8 bits, so that only the lower 8 of the mask's 16 bits apply.
        let [mask, _] = selection.proto_mask.to_le_bytes();
        Self {
            ports,
            protocol: protocol & mask,
        }
    }
}

/// An address, or a mask of one: four words in network byte order, of which IPv4 uses the first.
///
/// Each number holds two words, the first of them in its lower half, so that IPv6 addresses are
/// masked and folded two words at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Address([u64; 2]);

impl Address {
    /// The address of these four words.
    #[inline(always)]
    pub const fn from_words([a, b, c, d]: [u32; 4]) -> Self {
        Self([pair(a, b), pair(c, d)])
    }

    /// The IPv4 address of this word.
    #[inline(always)]
    pub const fn from_ipv4(word: u32) -> Self {
        Self::from_words([word, 0, 0, 0])
    }

    /// The four words, in network byte order.
    #[inline(always)]
    pub const fn words(self) -> [u32; 4] {
        let [ab, cd] = self.0;
        [ab as u32, (ab >> 32) as u32, cd as u32, (cd >> 32) as u32]
    }

    #[inline(always)]
    fn masked(self, mask: &[u32; 4]) -> Self {
        let ([ab, cd], [mask_ab, mask_cd]) = (self.0, Self::from_words(*mask).0);
        Self([ab & mask_ab, cd & mask_cd])
    }

    /// The XOR of the four words, in host byte order. For IPv4 this is the address itself.
    #[inline(always)]
    pub(super) fn fold(self) -> u32 {
        let [ab, cd] = self.0;
        let folded = ab ^ cd;
        u32::from_be(folded as u32 ^ (folded >> 32) as u32)
    }

    /// The 16 bytes as a number in big-endian byte order, as two halves.
    #[inline(always)]
    pub(super) fn number(self) -> [u64; 2] {
        self.0.map(|pair| match cfg!(target_endian = "little") {
            true => pair.swap_bytes(),
            false => pair.rotate_left(32),
        })
    }
}

#[inline(always)]
const fn pair(low: u32, high: u32) -> u64 {
    low as u64 | ((high as u64) << 32)
}
