// SPDX-License-Identifier: GPL-2.0-only

//! Handwritten rules at the edges of what is valid, and combinations of them: those of
//! [`files`], and more.

use super::candidate::Candidate;
use super::files;

/// The options that a rule needs in addition to the one that is tried.
const BASE: &str = "--hmark-mod 4 --hmark-rnd 1";

/// One good value, or two, for each option that is combined.
const GOOD: [&str; 15] = [
    "--hmark-tuple src,dst",
    "--hmark-tuple sport,proto",
    "--hmark-tuple spi",
    "--hmark-tuple ct",
    "--hmark-src-prefix 24",
    "--hmark-dst-prefix 0",
    "--hmark-sport-mask 0xff00",
    "--hmark-dport-mask 255",
    "--hmark-spi-mask 0xffff0000",
    "--hmark-sport 80",
    "--hmark-dport 0x1f90",
    "--hmark-spi 0x80000001",
    "--hmark-proto-mask 0xf",
    "--hmark-rnd 2",
    "--hmark-offset 100",
];

const NUMBER_OPTIONS: [&str; 10] = [
    "sport-mask",
    "dport-mask",
    "spi-mask",
    "sport",
    "dport",
    "spi",
    "proto-mask",
    "rnd",
    "mod",
    "offset",
];

const NUMBERS: [&str; 36] = [
    "0",
    "1",
    "00",
    "007",
    "08",
    "010",
    "0x",
    "0x0",
    "0xff",
    "0XfF",
    "0xg",
    "0x0000000000000001",
    "65535",
    "65536",
    "0xffff",
    "0x10000",
    "0177777",
    "4294967295",
    "0xffffffff",
    "4294967296",
    "0x100000000",
    "18446744073709551615",
    "18446744073709551617",
    "99999999999999999999999999",
    "+1",
    "-1",
    "-0",
    "\" 1\"",
    "\"1 \"",
    "\"\"",
    "1,2",
    "1/2",
    "1e3",
    "1.5",
    "1k",
    "%n",
];

const PREFIXES: [&str; 44] = [
    "0",
    "1",
    "31",
    "32",
    "33",
    "64",
    "127",
    "128",
    "129",
    "255",
    "256",
    "0x18",
    "0x20",
    "0x21",
    "030",
    "041",
    "08",
    "+8",
    "-1",
    "-0",
    "\" 8\"",
    "\"8 \"",
    "\"\"",
    "/8",
    "8/8",
    "8.",
    "255.0.0.0",
    "255.255.255.255",
    "0.0.0.0",
    "255.0.255.0",
    "0.0.0.1",
    "255.255",
    "255.255.255.256",
    "0xff.0.0.0",
    "4294901760",
    "4294967295",
    "4294967296",
    "::",
    "ffff::",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "ffff:0:ffff::",
    "::ffff:255.0.0.0",
    "fe80::%lo",
    "localhost",
];

const TUPLES: [&str; 48] = [
    "ct",
    "src",
    "dst",
    "sport",
    "dport",
    "spi",
    "proto",
    "c",
    "s",
    "d",
    "sp",
    "dp",
    "p",
    "sr",
    "ds",
    "spo",
    "spor",
    "dpor",
    "prot",
    "srcs",
    "sports",
    "ctx",
    "SRC",
    "Src,dST,SP,dP,P",
    "src,src",
    "ct,ct",
    "src,dst,sport,dport,proto",
    "ct,src,dst,sport,dport,proto",
    "proto,dport,sport,dst,src,ct",
    "src,dst,spi,proto",
    "spi,sport",
    "dport,spi",
    "sp,spi",
    ",",
    ",src",
    "src,",
    "src,,dst",
    "src,dst,",
    "\"\"",
    "\" \"",
    "\"src, dst\"",
    "src dst",
    "src;dst",
    "src|dst",
    "!src",
    "source",
    "all",
    "%s",
];

/// All candidates. They are the same for both families, and each family refuses some of them.
pub fn candidates() -> Vec<Candidate> {
    let mut texts: Vec<_> = files::options().into_iter().map(str::to_owned).collect();
    let mut add = |option: &str| texts.push(format!("{option} {BASE}"));
    for one in GOOD {
        add(one);
        for other in GOOD {
            add(&format!("{one} {other}"));
        }
    }
    for value in PREFIXES {
        add(&format!("--hmark-src-prefix {value}"));
        add(&format!("--hmark-dst-prefix {value} --hmark-tuple src"));
    }
    for value in TUPLES {
        add(&format!("--hmark-tuple {value}"));
    }
    for option in NUMBER_OPTIONS {
        for value in NUMBERS {
            // The option that is tried replaces that of the base.
            let rest: Vec<_> = ["--hmark-mod 4", "--hmark-rnd 1", "--hmark-tuple src"]
                .into_iter()
                .filter(|rest| !rest.starts_with(&format!("--hmark-{option} ")))
                .collect();
            texts.push(format!("--hmark-{option} {value} {}", rest.join(" ")));
        }
    }
    texts.iter().map(|text| Candidate::parse(text)).collect()
}
