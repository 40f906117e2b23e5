// SPDX-License-Identifier: GPL-2.0-only

//! Handwritten rules at the edges of what is valid, and combinations of them: those of
//! [`files`], and more.

use hmark_text::{Kind, OPTIONS};

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

/// Values of options that take a number.
const NUMBERS: &str =
    "0|1|00|007|08|010|0x|0x0|0xff|0XfF|0xg|0x0000000000000001|65535|65536|0xffff|0x10000|\
    0177777|4294967295|0xffffffff|4294967296|0x100000000|18446744073709551615|\
    18446744073709551617|99999999999999999999999999|+1|-1|-0|\" 1\"|\"1 \"|\"\"|1,2|1/2|1e3|\
    1.5|1k|%n";

/// Values of options that take a prefix length.
const PREFIXES: &str =
    "0|1|31|32|33|64|127|128|129|255|256|0x18|0x20|0x21|030|041|08|+8|-1|-0|\" 8\"|\"8 \"|\
    \"\"|/8|8/8|8.|255.0.0.0|255.255.255.255|0.0.0.0|255.0.255.0|0.0.0.1|255.255|\
    255.255.255.256|0xff.0.0.0|4294901760|4294967295|4294967296|::|ffff::|\
    ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff|ffff:0:ffff::|::ffff:255.0.0.0|fe80::%lo|\
    localhost";

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
    for value in PREFIXES.split('|') {
        add(&format!("--hmark-src-prefix {value}"));
        add(&format!("--hmark-dst-prefix {value} --hmark-tuple src"));
    }
    // The format of the files has no quotes, and takes `;` for itself.
    for value in ["\"\"", "\" \"", "\"src, dst\"", "src;dst"] {
        add(&format!("--hmark-tuple {value}"));
    }
    let numbers = OPTIONS
        .iter()
        .filter(|row| row.revision() == 0 && matches!(row.kind, Kind::Number(_)));
    for option in numbers.filter_map(|row| row.name.to_str().ok()) {
        for value in NUMBERS.split('|') {
            // The option that is tried replaces that of the base.
            let rest: Vec<_> = ["--hmark-mod 4", "--hmark-rnd 1", "--hmark-tuple src"]
                .into_iter()
                .filter(|rest| !rest.starts_with(&format!("--{option} ")))
                .collect();
            texts.push(format!("--{option} {value} {}", rest.join(" ")));
        }
    }
    texts.iter().map(|text| Candidate::parse(text)).collect()
}
