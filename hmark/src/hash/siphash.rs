// SPDX-License-Identifier: GPL-2.0-only

//! SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): the hash of a rule
//! with a key.
//!
//! Whoever does not know the key can neither compute a mark nor choose addresses or ports that all
//! have one.

use super::super::tuple::Tuple;
use super::super::Family;

/// Hashes a tuple to 32 bits, no matter which end is the source: the lower half of SipHash-1-3.
///
/// The message is the address of the lesser end and of the greater one, in network byte order, in 4
/// bytes each for IPv4 and in 16 for IPv6; their two ports, in network byte order; and the protocol
/// in one byte. Ends are compared by address, then by port.
#[inline(always)]
pub fn hash(tuple: &Tuple, key: &[u8; 16]) -> u32 {
    let Tuple {
        family,
        src,
        dst,
        ports,
        protocol,
    } = *tuple;
    match family {
        Family::Ipv4 => {
            let ([src, ..], [dst, ..]) = (src.words(), dst.words());
            hash_ipv4(src, dst, ports, protocol, key)
        }
        Family::Ipv6 => {
            let layer4 = u64::from(ports) | (u64::from(protocol) << 32);
            let ([a, b], [c, d]) = (src.number(), dst.number());
            hash_ipv6(a, b, c, d, layer4, key)
        }
    }
}

/// [`hash`] for IPv4, whose addresses are in network byte order.
#[inline(always)]
fn hash_ipv4(src: u32, dst: u32, ports: u32, protocol: u8, key: &[u8; 16]) -> u32 {
    let reply_ports = ports.rotate_left(16);
    let end = |address, ports| (u64::from(u32::from_be(address)) << 16) | u64::from(ports >> 16);
    let (low, high, ports) = match end(src, ports) <= end(dst, reply_ports) {
        true => (src, dst, ports),
        false => (dst, src, reply_ports),
    };
    let addresses = u64::from(low.to_le()) | (u64::from(high.to_le()) << 32);
    let state = State::new(key).with(addresses);
    state.finish(last_block(ports, protocol, 13))
}

/// [`hash`] for IPv6: the source address is the number with the halves `a` and `b`, the destination
/// address that with `c` and `d`, and the protocol is in bits 32 to 39 of `layer4`, above the ports.
///
/// It is long, so it is not inlined: rules without a key have all registers. Its arguments are numbers,
/// as many as there are registers for, so that the caller needs no memory.
#[inline(never)]
fn hash_ipv6(a: u64, b: u64, c: u64, d: u64, layer4: u64, key: &[u8; 16]) -> u32 {
    let (src, dst) = ([a, b], [c, d]);
    let ports = layer4 as u32;
    let reply_ports = ports.rotate_left(16);
    let end = |address: [u64; 2], ports| (address, ports >> 16);
    let (low, high, ports) = match end(src, ports) <= end(dst, reply_ports) {
        true => (src, dst, ports),
        false => (dst, src, reply_ports),
    };
    let ([a, b], [c, d]) = (low.map(u64::swap_bytes), high.map(u64::swap_bytes));
    let state = State::new(key).with(a).with(b).with(c).with(d);
    state.finish(last_block(ports, (layer4 >> 32) as u8, 37))
}

/// The last block: ports, that of the lesser end in the upper half, protocol, and the length of the
/// message in bytes.
#[inline(always)]
fn last_block(ports: u32, protocol: u8, len: u8) -> u64 {
    u64::from(ports.swap_bytes()) | (u64::from(protocol) << 32) | (u64::from(len) << 56)
}

/// The state of SipHash-1-3, which takes blocks of 8 bytes as numbers in little-endian byte order.
#[derive(Clone, Copy)]
struct State {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
}

impl State {
    #[inline(always)]
    fn new(key: &[u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *key;
        let k0 = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let k1 = u64::from_le_bytes([i, j, k, l, m, n, o, p]);
        Self {
            v0: k0 ^ 0x736f_6d65_7073_6575,
            v1: k1 ^ 0x646f_7261_6e64_6f6d,
            v2: k0 ^ 0x6c79_6765_6e65_7261,
            v3: k1 ^ 0x7465_6462_7974_6573,
        }
    }

    #[inline(always)]
    fn round(self) -> Self {
        let v0 = self.v0.wrapping_add(self.v1);
        let v2 = self.v2.wrapping_add(self.v3);
        let v1 = self.v1.rotate_left(13) ^ v0;
        let v3 = self.v3.rotate_left(16) ^ v2;
        let v2 = v2.wrapping_add(v1);
        let v0 = v0.rotate_left(32).wrapping_add(v3);
        Self {
            v0,
            v1: v1.rotate_left(17) ^ v2,
            v2: v2.rotate_left(32),
            v3: v3.rotate_left(21) ^ v0,
        }
    }

    #[inline(always)]
    fn with(self, block: u64) -> Self {
        let v3 = self.v3 ^ block;
        let state = Self { v3, ..self }.round();
        let v0 = state.v0 ^ block;
        Self { v0, ..state }
    }

    /// Takes the last block, and returns the lower half of the hash.
    #[inline(always)]
    fn finish(self, last: u64) -> u32 {
        let state = self.with(last);
        let v2 = state.v2 ^ 0xff;
        let Self { v0, v1, v2, v3 } = Self { v2, ..state }.round().round().round();
        (v0 ^ v1 ^ v2 ^ v3) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tuple::Address;
    use super::*;

    const KEY: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

    fn words(bytes: [u8; 16]) -> [u32; 4] {
        let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
        [word(0), word(4), word(8), word(12)]
    }

    /// A tuple whose message is the bytes 0, 1, 2 and so on.
    fn counting(family: Family) -> Tuple {
        let ends = match family {
            Family::Ipv4 => [[0, 1, 2, 3], [4, 5, 6, 7]]
                .map(|bytes| Address::from_ipv4(u32::from_ne_bytes(bytes))),
            Family::Ipv6 => {
                [0, 16].map(|first| Address::from_words(words(KEY.map(|byte| byte + first))))
            }
        };
        let (ports, protocol) = match family {
            Family::Ipv4 => (0x0809_0a0b, 0x0c),
            Family::Ipv6 => (0x2021_2223, 0x24),
        };
        let [src, dst] = ends;
        Tuple {
            family,
            src,
            dst,
            ports,
            protocol,
        }
    }

    fn reversed(tuple: Tuple) -> Tuple {
        Tuple {
            src: tuple.dst,
            dst: tuple.src,
            ports: tuple.ports.rotate_left(16),
            ..tuple
        }
    }

    /// The vectors of SipHash-1-3 that are published with the Rust standard library
    /// (`library/coretests/tests/hash/sip.rs`), for messages of 13 and of 37 bytes.
    #[test]
    fn published_vectors() {
        for (family, hash_bytes) in [
            (Family::Ipv4, [0xa7, 0xff, 0x29, 0x12]),
            (Family::Ipv6, [0x57, 0x30, 0xc3, 0xa3]),
        ] {
            let tuple = counting(family);
            let expected = u32::from_le_bytes(hash_bytes);
            assert_eq!(hash(&tuple, &KEY), expected, "{family}");
            assert_eq!(hash(&reversed(tuple), &KEY), expected, "{family} reversed");
        }
    }

    #[test]
    fn ends_are_pairs_of_address_and_port() {
        for family in Family::ALL {
            let tuple = counting(family);
            let crossed = Tuple {
                ports: tuple.ports.rotate_left(16),
                ..tuple
            };
            assert_ne!(hash(&tuple, &KEY), hash(&crossed, &KEY), "{family}");
            // Ends that differ in their port alone.
            let alike = Tuple {
                dst: tuple.src,
                ..tuple
            };
            assert_eq!(hash(&alike, &KEY), hash(&reversed(alike), &KEY), "{family}");
        }
    }

    #[test]
    fn every_part_counts() {
        for family in Family::ALL {
            let tuple = counting(family);
            let whole = hash(&tuple, &KEY);
            let [word, rest @ ..] = tuple.dst.words();
            let dst =
                Address::from_words([word ^ 0x0100_0001u32.to_be(), rest[0], rest[1], rest[2]]);
            for changed in [
                Tuple { dst, ..tuple },
                Tuple {
                    ports: tuple.ports ^ 1,
                    ..tuple
                },
                Tuple {
                    protocol: tuple.protocol ^ 1,
                    ..tuple
                },
            ] {
                assert_ne!(hash(&changed, &KEY), whole, "{changed:?}");
            }
            for place in 0..KEY.len() {
                let mut key = KEY;
                key[place] ^= 0x80;
                assert_ne!(hash(&tuple, &key), whole, "byte {place} of the key");
            }
        }
    }
}
