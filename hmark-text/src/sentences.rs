// SPDX-License-Identifier: GPL-2.0-only

//! The sentences that a user reads: errors, warnings, and the help around the options.

use core::fmt;

use hmark::rule::Refusal;
use hmark::Family;

use crate::kind::Kind;
use crate::line::{Line, Text};
use crate::number::Notation;
use crate::options::Row;
use crate::{tunnels, weights};

pub const HELP_TITLE: &str = "HMARK target: hashes each packet to one of a range of marks,\n\
                              a flow and its replies to one";
pub const HELP_PARTS: &str =
    "To hash some bits of a part only, in place of its name in --hmark-tuple:";
pub const HELP_NUMBERS: &str = "Numbers may be decimal, hexadecimal (0x...) or octal (0...).";

/// The warning of an extension that was built for another version of iptables than loads it.
pub const WRONG_VERSION: &str = "libxt_HMARK.so is for another version of iptables and not used: \
     build it again with this version's xtables.h (Debian package libxtables-dev)";

/// The number of bytes of a value that an error shows.
const SHOWN: usize = 64;

/// The reason why a text is not a rule. `'v` is the lifetime of the text.
#[derive(Clone, Copy, Debug)]
pub enum Error<'v> {
    /// A value is not valid for its option.
    Value {
        /// The option.
        option: &'static Row,
        /// The value, or the wrong element of a list.
        value: &'v [u8],
        /// The family that the rule is for.
        family: Family,
    },
    /// An option is given that the rule already has, by itself or by its selector.
    GivenBefore {
        /// The option.
        option: &'static Row,
        /// The superfluous value.
        value: &'v [u8],
    },
    /// The rule as a whole is wrong.
    Rule {
        /// The reason.
        refusal: Refusal,
        /// The number that is wrong, if there is one.
        value: u32,
        /// The number that it is measured by, likewise.
        limit: u32,
    },
    /// The kernel's target has no revision that has the option.
    Revision(&'static Row),
    /// A list, or an option without value, is given twice.
    Repeated(&'static Row),
    /// There is a `!` before an option.
    Inverted(&'static Row),
    /// The text ends where the value of an option would be.
    NoValue(&'static Row),
    /// An option that has no value is given one.
    Valued(&'static Row),
    /// A word is not an option, or abbreviates several options.
    NoOption(&'v [u8]),
}

/// A doubt about a rule that is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The rule hashes nothing that spreads packets: it selects no bytes, or the protocol alone, which
    /// without a key counts for the last bits of the hash.
    NothingSpreads,
    /// nft's hash spreads packets by their protocol, too.
    NftSpreadsByProtocol,
}

impl Text for Error<'_> {
    fn write(&self, line: &mut Line) {
        let about = |line: &mut Line, option: &Row, rest| {
            line.text("option \"--").bytes(option.name.to_bytes());
            line.text("\" ").text(rest);
        };
        match self {
            Self::Value {
                option,
                value,
                family,
            } => {
                bad_value(line, value, option);
                let (what, range) = match &option.kind {
                    Kind::Prefix(_) => ("prefix length", 0..=family.address_bits()),
                    Kind::Number(field) => ("number", field.range.clone()),
                    kind => {
                        line.text(right(kind, value));
                        return;
                    }
                };
                line.text("give a ").text(what);
                line.text(" from ").decimal(*range.start());
                line.text(" to ").decimal(*range.end());
                if let Kind::Prefix(_) = option.kind {
                    line.text(", such as 24, or its netmask, but no address");
                }
            }
            Self::GivenBefore { option, value } => {
                bad_value(line, value, option);
                line.text(match (&option.kind, option.selector) {
                    (Kind::Tunnels, _) => "given before: give all tunnels in one list, such as gtpu,vxlan",
                    (_, Some(_)) => "given before, by itself or in --hmark-tuple",
                    (_, None) => "given before",
                });
            }
            Self::Rule {
                refusal,
                value,
                limit,
            } => refused(*refusal, *value, *limit, line),
            Self::Revision(option) => about(
                line,
                option,
                "needs revision 1 of the target, but the xt_HMARK that is loaded has only revision 0: \
                 install the module of this library's version, flush all HMARK rules, and run \
                 modprobe -r xt_HMARK",
            ),
            Self::Repeated(option) => about(line, option, "can only be used once"),
            Self::Inverted(option) => about(line, option, "cannot be inverted"),
            Self::NoValue(option) => about(line, option, "requires an argument"),
            Self::Valued(option) => about(line, option, "takes no argument"),
            Self::NoOption(word) => {
                line.text("unknown option \"")
                    .visible(start(word))
                    .text("\"");
            }
        }
    }
}

fn bad_value(line: &mut Line, value: &[u8], option: &Row) {
    line.text("bad value ");
    // A key that is nearly right is a secret, too, and errors are logged.
    if !matches!(option.kind, Kind::Key) {
        line.text("\"").visible(start(value)).text("\" ");
    }
    line.text("for option \"--").bytes(option.name.to_bytes());
    line.text("\": ");
}

/// As much of a value as is shown, so that an error is no page of it.
fn start(value: &[u8]) -> &[u8] {
    value.get(..SHOWN).unwrap_or(value)
}

/// The values of a kind that has no range, or the one thing that is wrong with an element of a list.
fn right(kind: &Kind, value: &[u8]) -> &'static str {
    match kind {
        Kind::Ones(_) => "give a number whose ones in binary are all in one run, such as 0x3f00",
        Kind::Weights => match weights::fault(value) {
            weights::Fault::Form => {
                "give marks, counted from 0, and weights, such as 12=50,64-69=25, separated by commas alone"
            }
            weights::Fault::Weight => "give a whole number from 0 to 100 as the weight",
            weights::Fault::Order => "give the lower mark of the range first",
            weights::Fault::Mark => "give marks from 0 to 255, whatever the offset",
            weights::Fault::Second => "give each mark one weight: the rule has another one already",
        },
        Kind::Key => "give 32 hexadecimal digits",
        Kind::Tunnels => match tunnels::fault(value) {
            tunnels::Fault::Name => "give gtpu, vxlan, geneve, gre or ipip, separated by commas alone",
            tunnels::Fault::Case => "give the name in small letters",
            tunnels::Fault::NoPort => "give no port: only gtpu, vxlan and geneve have one",
            tunnels::Fault::Port => "give a UDP port from 1 to 65535, such as vxlan:8472",
            tunnels::Fault::Second => "give each tunnel once",
        },
        // Selectors: the other kinds have ranges or no values.
        _ => "give src, dst, sport, dport, spi, proto or ct, separated by commas alone",
    }
}

/// Writes what is wrong with a rule as a whole.
fn refused(refusal: Refusal, value: u32, limit: u32, line: &mut Line) {
    let (option, notation, should, rest) = match refusal {
        Refusal::OffsetOutsideMask => (
            "offset",
            Notation::Hex(1),
            "give bits of --hmark-mask alone, which is ",
            "",
        ),
        Refusal::MarksOutsideMask => (
            "mod",
            Notation::Decimal,
            "give a number up to ",
            ": --hmark-mask has no room for more marks",
        ),
        Refusal::FromOverMarks => (
            "from",
            Notation::Decimal,
            "give a number from 1 to ",
            ", which is --hmark-mod",
        ),
        Refusal::TooManyMarksForWeights => (
            "mod",
            Notation::Decimal,
            "with --hmark-weight, give a number from 1 to ",
            "",
        ),
        Refusal::WeightOfNoMark => (
            "weight",
            Notation::Decimal,
            "the marks of --hmark-mod are counted from 0 to ",
            "",
        ),
        _ => {
            line.text(contradiction(refusal));
            return;
        }
    };
    line.text("bad value \"");
    notation.write(value, line);
    line.text("\" for option \"--hmark-").text(option);
    line.text("\": ").text(should);
    notation.write(limit, line);
    line.text(rest);
}

/// The error for each refusal whose text has no values.
fn contradiction(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NoBuckets => {
            "option \"--hmark-mod\" is missing: give the number of marks, from 1 to 4294967295"
        }
        Refusal::SpiAndPortMask => {
            "--hmark-spi-mask (or spi in --hmark-tuple) excludes \
             --hmark-sport-mask and --hmark-dport-mask (or sport and dport): give either"
        }
        Refusal::SpiAndPort => "--hmark-spi excludes --hmark-sport and --hmark-dport: give either",
        Refusal::NoWeight => "--hmark-weight leaves no mark: give one at least a weight over 0",
        Refusal::KeyAndSeed => "--hmark-key excludes --hmark-rnd: give either",
        Refusal::TunnelsOnOnePort => {
            "--hmark-inner has two tunnels with one UDP port: give each its own"
        }
        Refusal::InnerOfConnection => "--hmark-inner excludes ct in --hmark-tuple: give either",
        Refusal::ErrorsOfConnection => {
            "--hmark-reverse-errors excludes ct in --hmark-tuple: give either"
        }
        // No text makes such a rule.
        _ => "the rule contradicts itself",
    }
}

impl Text for Warning {
    fn write(&self, line: &mut Line) {
        line.text(match self {
            Self::NothingSpreads => {
                "without addresses, ports or an SPI, practically all packets get one mark: \
                 add src,dst,sport,dport"
            }
            Self::NftSpreadsByProtocol => {
                "nft's hash spreads packets by proto, too: HMARK's practically does not"
            }
        });
    }
}

impl fmt::Display for Error<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Line::of(self).fmt(f)
    }
}

impl core::error::Error for Error<'_> {}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Line::of(self).fmt(f)
    }
}
