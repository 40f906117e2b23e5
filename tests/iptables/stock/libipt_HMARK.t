# SPDX-License-Identifier: GPL-2.0-only
#
# Rules for IPv4 of which the stock library makes something else; libxt_HMARK.t says more. With
# iptables 1.8.10 and older, a netmask without length (-1) becomes all ones.
:PREROUTING
*mangle

# A tuple overrides the prefix that was given before.
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-src-prefix 8 --hmark-tuple src;-j HMARK --hmark-src-prefix 32 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-dst-prefix 8 --hmark-tuple dst;-j HMARK --hmark-dst-prefix 32 --hmark-rnd 0x00000001 --hmark-mod 4;OK

# Netmasks without length. A number over 32 is one, too.
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-src-prefix 33;-j HMARK --hmark-src-prefix -1 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-dst-prefix 33;-j HMARK --hmark-dst-prefix -1 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-src-prefix 192.168.1.0;-j HMARK --hmark-src-prefix -1 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-dst-prefix 255.0.255.0;-j HMARK --hmark-dst-prefix -1 --hmark-rnd 0x00000001 --hmark-mod 4;OK
