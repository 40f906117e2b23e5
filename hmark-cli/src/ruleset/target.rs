// SPDX-License-Identifier: GPL-2.0-only

//! The targets that are understood.

use hmark::rule::v1::Info;
use hmark::Family;

use super::matches::{masked, number};
use super::options::{Given, Module};

/// What a rule does with a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Nothing: the rule only counts.
    None,
    /// `-j CHAIN` or, with `goto`, `-g CHAIN`, before the chain is found.
    Jump {
        /// The name of the chain.
        chain: String,
        /// Whether the chain returns to the caller of this one.
        goto: bool,
    },
    /// The same, with the place of the chain in its table.
    Chain {
        /// The place of the chain in its table.
        place: usize,
        /// Whether the chain returns to the caller of this one.
        goto: bool,
    },
    /// ACCEPT: the packet leaves the table.
    Accept,
    /// DROP, REJECT: the packet ends here.
    Drop,
    /// RETURN: the packet goes on in the chain that this one was called from.
    Return,
    /// HMARK, and its options.
    Hmark(Box<Info>),
    /// MARK.
    Mark(Bits),
    /// CONNMARK.
    Connmark(Connmark),
    /// NOTRACK, `CT --notrack`: conntrack does not track the packet.
    Notrack,
    /// CT without `--notrack`: a template for its connection.
    Template,
    /// A target that changes neither marks nor ends nor addresses, such as LOG.
    Continue,
    /// TOS, DSCP: another type of service, by which routing rules may choose.
    TypeOfService,
    /// DNAT, SNAT and the like: addresses are translated.
    Translate(String),
    /// Any other target, by its name and options.
    Unknown(String),
}

/// A change of some bits of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits {
    /// The bits that are set to 0 first.
    pub clear: u32,
    /// The bits that are inverted then.
    pub invert: u32,
}

impl Bits {
    /// The new mark.
    pub const fn apply(self, mark: u32) -> u32 {
        (mark & !self.clear) ^ self.invert
    }
}

/// What CONNMARK does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connmark {
    /// `--set-xmark`: changes the connection's mark.
    Set(Bits),
    /// `--save-mark`: copies bits of the packet's mark to the connection's.
    Save {
        /// The bits of the packet's mark.
        packet: u32,
        /// The bits of the connection's mark.
        connection: u32,
    },
    /// `--restore-mark`: copies bits of the connection's mark to the packet's.
    Restore {
        /// The bits of the packet's mark.
        packet: u32,
        /// The bits of the connection's mark.
        connection: u32,
    },
}

/// Targets that neither end a packet's way nor change its mark, addresses, type of service or connection.
const CONTINUE: [&str; 17] = [
    "LOG",
    "NFLOG",
    "ULOG",
    "TRACE",
    "AUDIT",
    "CLASSIFY",
    "CHECKSUM",
    "TCPMSS",
    "TCPOPTSTRIP",
    "TTL",
    "HL",
    "ECN",
    "SECMARK",
    "CONNSECMARK",
    "RATEEST",
    "LED",
    "IDLETIMER",
];

/// Reads a target.
///
/// # Errors
///
/// The options of an HMARK rule, if HMARK refuses them.
pub(super) fn read(module: &Module, goto: bool, family: Family) -> Result<Target, String> {
    let unknown = || {
        let mut text = module.name.clone();
        for given in &module.options {
            text.push(' ');
            text.push_str(&given.to_string());
        }
        Target::Unknown(text)
    };
    let has_options = !module.options.is_empty();
    Ok(match module.name.as_str() {
        _ if goto => Target::Jump {
            chain: module.name.clone(),
            goto,
        },
        "ACCEPT" => Target::Accept,
        "DROP" | "REJECT" => Target::Drop,
        "RETURN" => Target::Return,
        "CONTINUE" => Target::None,
        "HMARK" => Target::Hmark(Box::new(hmark(&module.options, family)?)),
        "MARK" => match module.options.as_slice() {
            [given] => bits(given).map_or_else(unknown, Target::Mark),
            _ => unknown(),
        },
        "CONNMARK" => connmark(&module.options).map_or_else(unknown, Target::Connmark),
        "NOTRACK" => Target::Notrack,
        "CT" => match module.options.iter().any(|given| given.name == "--notrack") {
            true => Target::Notrack,
            false => Target::Template,
        },
        "TOS" | "DSCP" => Target::TypeOfService,
        "DNAT" | "SNAT" | "MASQUERADE" | "REDIRECT" | "NETMAP" | "SAME" => {
            Target::Translate(module.name.clone())
        }
        name if CONTINUE.contains(&name) => Target::Continue,
        // Users' chains have no options.
        _ if has_options => unknown(),
        name => Target::Jump {
            chain: name.to_string(),
            goto,
        },
    })
}

fn hmark(options: &[Given], family: Family) -> Result<Info, String> {
    let words: Vec<_> = options.iter().map(Given::to_string).collect();
    match hmark_text::read(&words.join(" "), family) {
        Ok((info, _)) => Ok(info),
        Err(error) => Err(error.to_string()),
    }
}

/// The change that an option of MARK or CONNMARK makes.
fn bits(given: &Given) -> Option<Bits> {
    if given.not || given.values.len() != 1 {
        return None;
    }
    let text = given.value();
    let bits = |(clear, invert)| Bits { clear, invert };
    Some(match given.name.as_str() {
        "--set-xmark" => bits(masked(text).map(|(value, mask)| (mask, value))?),
        "--set-mark" => bits(masked(text).map(|(value, mask)| (value | mask, value))?),
        "--and-mark" => bits((!number(text)?, 0)),
        "--or-mark" => bits((number(text)?, number(text)?)),
        "--xor-mark" => bits((0, number(text)?)),
        _ => return None,
    })
}

fn connmark(options: &[Given]) -> Option<Connmark> {
    let (first, masks) = options.split_first()?;
    let (mut packet, mut connection) = (u32::MAX, u32::MAX);
    for given in masks {
        let mask = number(given.value())?;
        match given.name.as_str() {
            "--nfmask" => packet = mask,
            "--ctmask" => connection = mask,
            "--mask" => (packet, connection) = (mask, mask),
            _ => return None,
        }
    }
    Some(match first.name.as_str() {
        "--save-mark" => Connmark::Save { packet, connection },
        "--restore-mark" => Connmark::Restore { packet, connection },
        _ if masks.is_empty() => Connmark::Set(bits(first)?),
        _ => return None,
    })
}
