// SPDX-License-Identifier: GPL-2.0-only

//! `iptables -j HMARK --help`.

use crate::ffi::put;

/// Prints what there is to know about the options to standard output.
pub fn help() {
    put(c"\
HMARK target: hashes each packet to one of a range of marks, a flow and its replies to one
  --hmark-mod N            Number of marks, 1 to 4294967295 (mandatory)
  --hmark-offset N         First mark, 0 to 4294967295 (default 0); also --hmark-offs
  --hmark-rnd N            Seed of the hash, 32 bits (default 0xc175a3b8)
  --hmark-tuple LIST       What to hash, in full: src,dst,sport,dport,spi,proto,ct
                           (default src,dst,sport,dport,proto if nothing else says)
                           ct hashes the connection's tuple instead of the packet's
To hash some bits of a part only, in place of its name in --hmark-tuple:
  --hmark-src-prefix LEN   Leading bits of the source address: 0 to 32 (IPv6: 128), or a netmask
  --hmark-dst-prefix LEN   Leading bits of the destination address: likewise
  --hmark-sport-mask N     Bits of the source port, 0 to 0xffff
  --hmark-dport-mask N     Bits of the destination port, 0 to 0xffff
  --hmark-spi-mask N       Bits of the SPI of AH and ESP, 0 to 0xffffffff; excludes port masks
  --hmark-sport N          Bits set in the source port after its mask, 0 to 0xffff
  --hmark-dport N          Bits set in the destination port after its mask, 0 to 0xffff
  --hmark-spi N            Bits set in the SPI after its mask, 0 to 0xffffffff; excludes ports
  --hmark-proto-mask N     Bits of the protocol number, 0 to 0xffff
Numbers may be decimal, hexadecimal (0x...) or octal (0...).
");
}
