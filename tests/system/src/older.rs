// SPDX-License-Identifier: GPL-2.0-only

//! The packets that the C module of older kernels marks otherwise: `ipv6_find_hdr()` follows any
//! number of extension headers there, and one that claims more bytes than the packet has.

use std::fmt;

use testbed::family::Family;

/// The most extension headers that newer kernels, and our module, follow.
const MOST: usize = 12;

/// The property of a packet for which the C module of an older kernel gives it another mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// More extension headers than [`MOST`].
    TooMany,
    /// An extension header that claims more bytes than the packet has.
    CutOff,
}

/// How many marks differ for each known cause.
#[derive(Default)]
pub struct Known {
    too_many: usize,
    cut_off: usize,
}

impl Known {
    /// Counts a mark that differs.
    pub fn count(&mut self, cause: Cause) {
        match cause {
            Cause::TooMany => self.too_many += 1,
            Cause::CutOff => self.cut_off += 1,
        }
    }

    /// Adds those of other packets.
    pub fn add(&mut self, other: &Known) {
        self.too_many += other.too_many;
        self.cut_off += other.cut_off;
    }
}

impl fmt::Display for Known {
    /// The end of a sentence about those that differ without a known cause.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { too_many, cut_off } = self;
        if too_many + cut_off == 0 {
            return Ok(());
        }
        write!(
            f,
            ", and as older C is known to: {too_many} of packets with more than {MOST} extension headers, \
             {cut_off} with one that claims more than the packet has"
        )
    }
}

/// Why the C module of an older kernel may mark this packet in another way, or that which it quotes.
pub fn known_cause(family: Family, packet: &[u8]) -> Option<Cause> {
    match family {
        Family::Ipv4 => None,
        Family::Ipv6 => chain(packet),
    }
}

/// The fault in the extension headers of an IPv6 packet; [`None`] if there is none.
fn chain(packet: &[u8]) -> Option<Cause> {
    let mut next = packet.get(6).copied().unwrap_or(59);
    let mut rest = packet.get(40..).unwrap_or_default();
    for _ in 0..=MOST {
        let length = match next {
            // Hop-by-hop options, routing, and destination options.
            0 | 43 | 60 => rest.get(1).map(|&length| 8 * (usize::from(length) + 1)),
            // The authentication header counts words.
            51 => rest.get(1).map(|&length| 4 * (usize::from(length) + 2)),
            44 => Some(8),
            // An ICMPv6 error quotes a packet.
            58 => {
                let quotes = rest.first().is_some_and(|&kind| kind < 128);
                return chain(rest.get(8..)?).filter(|_| quotes);
            }
            _ => return None,
        };
        let Some(following) = length.and_then(|length| rest.get(length..)) else {
            return Some(Cause::CutOff);
        };
        next = rest[0];
        rest = following;
    }
    Some(Cause::TooMany)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IPv6 packet with so many headers of destination options, then what follows them.
    fn packet(headers: usize, next: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 40];
        packet[0] = 0x60;
        packet[6] = if headers > 0 { 60 } else { next };
        for header in 1..=headers {
            let next = if header < headers { 60 } else { next };
            packet.extend([next, 0, 1, 4, 0, 0, 0, 0]);
        }
        packet.extend(rest);
        packet
    }

    #[test]
    fn each_cause_is_found() {
        let cause = |packet: &[u8]| known_cause(Family::Ipv6, packet);
        let udp = [0; 8];
        assert_eq!(cause(&packet(MOST, 17, &udp)), None);
        assert_eq!(cause(&packet(MOST + 1, 17, &udp)), Some(Cause::TooMany));
        let cut = packet(0, 60, &[17, 2, 1, 4, 0, 0, 0, 0]);
        assert_eq!(cause(&cut), Some(Cause::CutOff));
        assert_eq!(known_cause(Family::Ipv4, &cut), None);
        let quoting = |kind| packet(0, 58, &[&[kind, 0, 0, 0, 0, 0, 0, 0], &cut[..]].concat());
        assert_eq!(cause(&quoting(1)), Some(Cause::CutOff));
        assert_eq!(cause(&quoting(128)), None);
        assert_eq!(cause(&[]), None);
    }
}
