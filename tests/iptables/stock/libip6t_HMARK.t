# SPDX-License-Identifier: GPL-2.0-only
#
# Rules for IPv6 of which the stock library makes something else; libxt_HMARK.t says more. With
# iptables 1.8.10 and older, a netmask without length (-1) becomes all ones.
:PREROUTING
*mangle

# A tuple overrides the prefix that was given before.
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-src-prefix 8 --hmark-tuple src;-j HMARK --hmark-src-prefix 128 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-dst-prefix 8 --hmark-tuple dst;-j HMARK --hmark-dst-prefix 128 --hmark-rnd 0x00000001 --hmark-mod 4;OK

# Netmasks without length.
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-src-prefix 2001:db8::;-j HMARK --hmark-src-prefix -1 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-src-prefix ::1;-j HMARK --hmark-src-prefix -1 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-dst-prefix ffff:0:ffff::;-j HMARK --hmark-dst-prefix -1 --hmark-rnd 0x00000001 --hmark-mod 4;OK

# A zone, which is ignored.
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-src-prefix ffff::%1;-j HMARK --hmark-src-prefix 16 --hmark-rnd 0x00000001 --hmark-mod 4;OK
