// SPDX-License-Identifier: GPL-2.0-only

//! The rules that mark the packets: HMARK options that both libraries accept.

use std::fmt::Write;

use testbed::family::Family;

/// Rules for either family that hash the packet's own headers.
const PACKET: [&str; 25] = [
    // The project's default, in full.
    "--hmark-tuple src,dst,sport,dport,proto --hmark-mod 4 --hmark-offset 100 --hmark-rnd 0xc175a3b8",
    // Tuples.
    "--hmark-tuple src,dst --hmark-mod 70 --hmark-offset 1000 --hmark-rnd 1",
    "--hmark-tuple src --hmark-mod 4294967295 --hmark-rnd 2",
    "--hmark-tuple dst --hmark-mod 4294967295 --hmark-rnd 3",
    "--hmark-tuple sport --hmark-mod 4294967295 --hmark-rnd 4",
    "--hmark-tuple dport --hmark-mod 4294967295 --hmark-rnd 5",
    "--hmark-tuple proto --hmark-mod 4294967295 --hmark-rnd 6",
    "--hmark-tuple sport,dport,proto --hmark-mod 4294967295 --hmark-rnd 7",
    "--hmark-tuple src,dst,spi --hmark-mod 4294967295 --hmark-rnd 8",
    "--hmark-tuple spi,proto --hmark-mod 65536 --hmark-rnd 9",
    // Ports.
    "--hmark-sport-mask 0xff00 --hmark-dport-mask 0x00ff --hmark-mod 4294967295 --hmark-rnd 10",
    "--hmark-sport 80 --hmark-dport 0x1f90 --hmark-mod 4294967295 --hmark-rnd 11",
    "--hmark-tuple src,sport,dport --hmark-sport 0x8000 --hmark-mod 1000003 --hmark-rnd 12",
    "--hmark-tuple dst --hmark-dport-mask 0xfff0 --hmark-dport 1 --hmark-mod 1000003 --hmark-rnd 13",
    // Security parameter index.
    "--hmark-spi-mask 0xffff0000 --hmark-mod 4294967295 --hmark-rnd 14",
    "--hmark-spi-mask 0x00ff00ff --hmark-spi 0x12003400 --hmark-mod 4294967295 --hmark-rnd 15",
    "--hmark-tuple src,dst,proto --hmark-spi 0x80000001 --hmark-mod 4294967295 --hmark-rnd 16",
    // Protocol.
    "--hmark-tuple src,dst --hmark-proto-mask 0x0f --hmark-mod 4294967295 --hmark-rnd 17",
    "--hmark-proto-mask 0xff00 --hmark-tuple dport --hmark-mod 4294967295 --hmark-rnd 18",
    // Seed.
    "--hmark-tuple src,dst,sport,dport,proto --hmark-mod 4294967295 --hmark-rnd 0",
    "--hmark-tuple src,dst,sport,dport,proto --hmark-mod 4294967295 --hmark-rnd 0xffffffff",
    // Modulus and offset: one bucket, and marks that wrap at 2^32.
    "--hmark-tuple src,dst,sport,dport,proto --hmark-mod 1 --hmark-offset 42 --hmark-rnd 21",
    "--hmark-tuple src,dst,sport,dport --hmark-mod 1024 --hmark-offset 4294967295 --hmark-rnd 22",
    "--hmark-tuple src,dst,sport,dport --hmark-mod 4294967295 --hmark-offset 0x80000000 --hmark-rnd 23",
    "--hmark-tuple src,dst,sport,dport --hmark-mod 2147483648 --hmark-offset 0 --hmark-rnd 24",
];

/// No connections are tracked where these rules are, so this one leaves the mark alone. It is the last one,
/// since the operator's tool cannot tell that of a host.
const UNTRACKED: [&str; 1] = ["--hmark-tuple ct,src,dst --hmark-mod 4 --hmark-rnd 25"];

const PREFIX_IPV4: [&str; 4] = [
    "--hmark-src-prefix 24 --hmark-dst-prefix 8 --hmark-mod 4294967295 --hmark-rnd 31",
    "--hmark-src-prefix 0 --hmark-dst-prefix 32 --hmark-mod 4294967295 --hmark-rnd 32",
    "--hmark-src-prefix 31 --hmark-tuple dport --hmark-mod 4294967295 --hmark-rnd 33",
    "--hmark-dst-prefix 1 --hmark-tuple src --hmark-mod 4294967295 --hmark-rnd 34",
];

const PREFIX_IPV6: [&str; 4] = [
    "--hmark-src-prefix 64 --hmark-dst-prefix 48 --hmark-mod 4294967295 --hmark-rnd 31",
    "--hmark-src-prefix 0 --hmark-dst-prefix 128 --hmark-mod 4294967295 --hmark-rnd 32",
    "--hmark-src-prefix 127 --hmark-tuple dport --hmark-mod 4294967295 --hmark-rnd 33",
    "--hmark-dst-prefix 33 --hmark-tuple src --hmark-mod 4294967295 --hmark-rnd 34",
];

/// Rules, most of which hash the conntrack tuple.
const CONNECTION: [&str; 14] = [
    "--hmark-tuple ct,src,dst,sport,dport,proto --hmark-mod 4 --hmark-offset 100 --hmark-rnd 0xc175a3b8",
    "--hmark-tuple ct,src,dst --hmark-mod 4294967295 --hmark-rnd 41",
    "--hmark-tuple ct,src --hmark-mod 4294967295 --hmark-rnd 42",
    "--hmark-tuple ct,dst --hmark-mod 4294967295 --hmark-rnd 43",
    "--hmark-tuple ct,sport --hmark-mod 4294967295 --hmark-rnd 44",
    "--hmark-tuple ct,dport --hmark-mod 4294967295 --hmark-rnd 45",
    "--hmark-tuple ct,proto --hmark-mod 4294967295 --hmark-rnd 46",
    "--hmark-tuple ct,src,dst,spi --hmark-mod 4294967295 --hmark-rnd 47",
    "--hmark-tuple ct --hmark-sport-mask 0xff00 --hmark-dport 22 --hmark-mod 4294967295 --hmark-rnd 48",
    "--hmark-tuple ct --hmark-spi-mask 0xffff00ff --hmark-spi 0x100 --hmark-mod 4294967295 --hmark-rnd 49",
    "--hmark-tuple ct --hmark-src-prefix 20 --hmark-dst-prefix 27 --hmark-proto-mask 0xf \
     --hmark-mod 70 --hmark-offset 4294967290 --hmark-rnd 50",
    "--hmark-tuple ct --hmark-mod 4294967295 --hmark-rnd 51",
    // The packet's own headers, including those of reassembled fragments.
    "--hmark-tuple src,dst,sport,dport,proto --hmark-mod 4294967295 --hmark-rnd 52",
    "--hmark-tuple src,dst,spi --hmark-mod 4294967295 --hmark-rnd 53",
];

/// Rules of revision 1, each with an option that only that has.
const REVISION_1: [&str; 14] = [
    "--hmark-tuple src,dst,sport,dport,proto --hmark-mod 4 --hmark-offset 100 --hmark-from 3 --hmark-rnd 1",
    "--hmark-tuple src,dst,sport,dport,proto --hmark-mod 256 --hmark-from 255 --hmark-weight 0-99=50,200=0 \
     --hmark-rnd 2",
    "--hmark-tuple src,dst --hmark-mod 4294967295 --hmark-from 4294967290 --hmark-rnd 3",
    "--hmark-tuple src,dst,sport,dport,proto --hmark-mod 70 --hmark-offset 0x100 --hmark-mask 0x7f00 \
     --hmark-key 00112233445566778899aabbccddeeff",
    "--hmark-tuple src,dst,sport,dport --hmark-mod 65536 --hmark-mask 0xffff --hmark-rnd 5",
    "--hmark-tuple src,sport --hmark-mod 4294967295 --hmark-key ffffffffffffffffffffffffffffffff",
    "--hmark-tuple src,dst,spi,proto --hmark-mod 1000 --hmark-key 0f0e0d0c0b0a09080706050403020100",
    "--hmark-tuple src,sport --hmark-mod 4294967295 --hmark-reverse-errors --hmark-rnd 8",
    "--hmark-tuple dst,dport --hmark-mod 4 --hmark-from 2 --hmark-reverse-errors --hmark-weight 3=1 \
     --hmark-key 00000000000000000000000000000001",
    "--hmark-tuple src,dst,sport,dport,proto --hmark-mod 4294967295 \
     --hmark-inner gtpu,vxlan,geneve,gre,ipip --hmark-rnd 10",
    "--hmark-tuple src,dst,sport,dport,proto --hmark-mod 4294967295 --hmark-inner gre,ipip \
     --hmark-key 00112233445566778899aabbccddeeff",
    "--hmark-tuple src --hmark-mod 4294967295 --hmark-inner gtpu --hmark-reverse-errors --hmark-rnd 12",
    "--hmark-tuple dst,proto --hmark-mod 4294967295 --hmark-inner vxlan:8472,geneve:4789 --hmark-rnd 13",
    "--hmark-src-prefix 20 --hmark-dst-prefix 7 --hmark-sport-mask 0xff00 --hmark-mod 100 --hmark-offset \
     1048576 --hmark-mask 0xfff00000 --hmark-from 90 --hmark-weight 7=0,8=99 --hmark-inner vxlan,ipip \
     --hmark-reverse-errors --hmark-key 123456789abcdef00fedcba987654321",
];

/// An HMARK rule in a chain.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Names the rule in logs, such as `mangle-7`.
    pub name: String,
    /// The table whose PREROUTING chain holds it.
    pub table: &'static str,
    /// The options after `-j HMARK`.
    pub options: &'static str,
}

impl Entry {
    /// Whether it hashes the conntrack tuple.
    pub fn is_ct(&self) -> bool {
        self.options.contains("--hmark-tuple ct")
    }

    /// Whether it gives all packets one mark: it has one bucket, or hashes nothing of a connection.
    pub fn has_one_mark(&self) -> bool {
        self.options.contains("--hmark-mod 1 ")
            || self.options.starts_with("--hmark-tuple ct --hmark-mod")
    }
}

/// The rules for packets without conntrack, three of them in the raw table as well.
pub fn stateless(family: Family) -> Vec<Entry> {
    let prefix = match family {
        Family::Ipv4 => PREFIX_IPV4,
        Family::Ipv6 => PREFIX_IPV6,
    };
    let mangle = [&PACKET[..], &prefix, &UNTRACKED].concat();
    [entries("raw", &mangle[..3]), entries("mangle", &mangle)].concat()
}

/// Rules of revision 1 for packets without conntrack, two of them in the raw table as well.
pub fn revision_1() -> Vec<Entry> {
    let raw = [REVISION_1[3], REVISION_1[9]];
    [entries("raw", &raw), entries("mangle", &REVISION_1)].concat()
}

/// A few rules of both revisions for packets without conntrack.
pub fn few() -> Vec<Entry> {
    let few = [
        PACKET[0],
        PACKET[9],
        REVISION_1[1],
        REVISION_1[9],
        REVISION_1[13],
    ];
    entries("mangle", &few)
}

/// The rules for tracked connections. In the raw table, no packet has its connection yet.
pub fn connection() -> Vec<Entry> {
    let raw = [CONNECTION[1], CONNECTION[12]];
    [entries("raw", &raw), entries("mangle", &CONNECTION)].concat()
}

fn entries(table: &'static str, options: &[&'static str]) -> Vec<Entry> {
    let entry = |(number, options): (usize, &&'static str)| Entry {
        name: format!("{table}-{number}"),
        table,
        options,
    };
    options.iter().enumerate().map(entry).collect()
}

/// Input for iptables-restore. `around` gives the rules before and after each HMARK rule.
pub fn restore_input(entries: &[Entry], around: impl Fn(&Entry) -> [String; 2]) -> String {
    let mut input = String::new();
    for table in ["raw", "mangle"] {
        let mut entries = entries
            .iter()
            .filter(|entry| entry.table == table)
            .peekable();
        if entries.peek().is_none() {
            continue;
        }
        let _ = writeln!(input, "*{table}");
        for entry in entries {
            let [before, after] = around(entry);
            let rule = format!("-A PREROUTING -j HMARK {}\n", entry.options);
            input.extend([before, rule, after]);
        }
        input.push_str("COMMIT\n");
    }
    input
}
