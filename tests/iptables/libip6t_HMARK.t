# SPDX-License-Identifier: GPL-2.0-only
#
# Rules for IPv6 that differ for IPv4; libxt_HMARK.t says more.
:PREROUTING
*mangle

# Accepted.
-j HMARK --hmark-src-prefix 128 --hmark-dst-prefix 128 --hmark-sport-mask 0xffff --hmark-dport-mask 0xffff --hmark-proto-mask 0xffff --hmark-rnd 0xc175a3b8 --hmark-mod 70 --hmark-offset 100;=;OK
-j HMARK --hmark-mod 4;-j HMARK --hmark-src-prefix 128 --hmark-dst-prefix 128 --hmark-sport-mask 0xffff --hmark-dport-mask 0xffff --hmark-proto-mask 0xffff --hmark-rnd 0xc175a3b8 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1;-j HMARK --hmark-src-prefix 128 --hmark-dst-prefix 128 --hmark-sport-mask 0xffff --hmark-dport-mask 0xffff --hmark-proto-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-offset 100;-j HMARK --hmark-src-prefix 128 --hmark-dst-prefix 128 --hmark-sport-mask 0xffff --hmark-dport-mask 0xffff --hmark-proto-mask 0xffff --hmark-rnd 0xc175a3b8 --hmark-mod 4 --hmark-offset 100;OK
-j HMARK --hmark-mod 4 --hmark-offs 100;-j HMARK --hmark-src-prefix 128 --hmark-dst-prefix 128 --hmark-sport-mask 0xffff --hmark-dport-mask 0xffff --hmark-proto-mask 0xffff --hmark-rnd 0xc175a3b8 --hmark-mod 4 --hmark-offset 100;OK
-j HMARK --hmark-mod 4 --hmark-tuple src;-j HMARK --hmark-src-prefix 128 --hmark-rnd 0xc175a3b8 --hmark-mod 4;OK
-j HMARK --hmark-m 4 --hmark-r 1 --hmark-t src;-j HMARK --hmark-src-prefix 128 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple src --hmark-o 5;-j HMARK --hmark-src-prefix 128 --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-offset 5;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple src --hmark-off 5;-j HMARK --hmark-src-prefix 128 --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-offset 5;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple src --hmark-offse 5;-j HMARK --hmark-src-prefix 128 --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-offset 5;OK
-j HMARK --hmark-mod=4 --hmark-rnd=1 --hmark-tuple=src,dst --hmark-offs=5;-j HMARK --hmark-src-prefix 128 --hmark-dst-prefix 128 --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-offset 5;OK
-j HMARK --hmark-mod 4294967295 --hmark-rnd 0xffffffff --hmark-offset 4294967295 --hmark-tuple src;-j HMARK --hmark-src-prefix 128 --hmark-rnd 0xffffffff --hmark-mod 4294967295 --hmark-offset 4294967295;OK
-j HMARK --hmark-mod 1 --hmark-rnd 0 --hmark-offset 0 --hmark-tuple src;-j HMARK --hmark-src-prefix 128 --hmark-rnd 0x00000000 --hmark-mod 1 --hmark-offset 0;OK
-j HMARK --hmark-mod 1;-j HMARK --hmark-src-prefix 128 --hmark-dst-prefix 128 --hmark-sport-mask 0xffff --hmark-dport-mask 0xffff --hmark-proto-mask 0xffff --hmark-rnd 0xc175a3b8 --hmark-mod 1;OK
-j HMARK --hmark-mod 4 --hmark-src-prefix 33;-j HMARK --hmark-src-prefix 33 --hmark-rnd 0xc175a3b8 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-src-prefix 64;-j HMARK --hmark-src-prefix 64 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-src-prefix 128;-j HMARK --hmark-src-prefix 128 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-dst-prefix ffff:ffff::;-j HMARK --hmark-dst-prefix 32 --hmark-rnd 0x00000001 --hmark-mod 4;OK

# Values that the option cannot have.
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-dst-prefix 255.255.0.0;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-src-prefix 2001:db8::;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-src-prefix ::1;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-dst-prefix ffff:0:ffff::;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-src-prefix ffff::%1;;FAIL

# Tuples.
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple src;-j HMARK --hmark-src-prefix 128 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple dst;-j HMARK --hmark-dst-prefix 128 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple s;-j HMARK --hmark-src-prefix 128 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple d;-j HMARK --hmark-dst-prefix 128 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple sr;-j HMARK --hmark-src-prefix 128 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple ds;-j HMARK --hmark-dst-prefix 128 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple SRC;-j HMARK --hmark-src-prefix 128 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple Src,dST,SP,dP,P;-j HMARK --hmark-src-prefix 128 --hmark-dst-prefix 128 --hmark-sport-mask 0xffff --hmark-dport-mask 0xffff --hmark-proto-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple src,src;-j HMARK --hmark-src-prefix 128 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple src,dst,sport,dport,proto;-j HMARK --hmark-src-prefix 128 --hmark-dst-prefix 128 --hmark-sport-mask 0xffff --hmark-dport-mask 0xffff --hmark-proto-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple ct,src,dst,sport,dport,proto;-j HMARK --hmark-src-prefix 128 --hmark-dst-prefix 128 --hmark-sport-mask 0xffff --hmark-dport-mask 0xffff --hmark-proto-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-tuple ct;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple proto,dport,sport,dst,src,ct;-j HMARK --hmark-src-prefix 128 --hmark-dst-prefix 128 --hmark-sport-mask 0xffff --hmark-dport-mask 0xffff --hmark-proto-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-tuple ct;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple src,dst,spi,proto;-j HMARK --hmark-src-prefix 128 --hmark-dst-prefix 128 --hmark-spi-mask 0xffffffff --hmark-proto-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4;OK
