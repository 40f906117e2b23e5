// SPDX-License-Identifier: GPL-2.0-only

//! The kinds of values that options have: how each is read, stored and shown.

use core::ops::RangeInclusive;

use hmark::rule::v0::Info;
use hmark::Family;

use crate::line::Line;
use crate::netmask;
use crate::number::{self, Notation};
use crate::options::Row;

/// A kind of value: the way in which it is read, stored, saved and listed.
#[derive(Debug)]
pub enum Kind {
    /// A list of selectors: see [`Row::selector`]. Only `ct` is its own; any other is saved as the
    /// option that it gives a value.
    Selectors,
    /// A prefix length, or a netmask that stands for one.
    Prefix(Prefix),
    /// A number.
    Number(Field),
}

/// The place of a netmask in a rule.
#[derive(Debug)]
pub struct Prefix {
    /// Gets the netmask, in network byte order. IPv4 uses the first word.
    pub get: fn(&Info) -> &[u32; 4],
    /// Gets the same to be changed.
    pub get_mut: fn(&mut Info) -> &mut [u32; 4],
}

/// The place of a number in a rule, and its notation.
#[derive(Debug)]
pub struct Field {
    /// The numbers that are accepted.
    pub range: RangeInclusive<u32>,
    /// Gets the number, in host byte order.
    pub get: fn(&Info) -> u32,
    /// Stores a number of the range, in host byte order.
    pub set: fn(&mut Info, u32),
    /// The notation in a saved rule.
    pub saved: Notation,
    /// The notation in a listed rule.
    pub listed: Notation,
    /// Whether a listed rule has a plus before the number, in place of the option's name.
    pub is_added: bool,
}

impl Kind {
    /// The name of a value in the help.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Selectors => "LIST",
            Self::Prefix(_) => "LEN",
            Self::Number(_) => "N",
        }
    }

    /// Reads a value and stores it. Gives [`None`], and leaves the rule as it is, if the value is not
    /// of this kind, or if it is a list of selectors, which concerns several options.
    pub(crate) fn read(&self, rule: &mut Info, value: &[u8], family: Family) -> Option<()> {
        match self {
            Self::Selectors => return None,
            Self::Prefix(prefix) => {
                *(prefix.get_mut)(rule) = netmask::read(value, family)?;
            }
            Self::Number(field) => {
                let number = number::read(value).filter(|number| field.range.contains(number))?;
                (field.set)(rule, number);
            }
        }
        Some(())
    }

    /// Stores the highest value, as the option's selector does: that of the saved text, since iptables
    /// -C and -D compare rules byte for byte.
    pub(crate) fn select(&self, rule: &mut Info, family: Family) {
        match self {
            Self::Selectors => {}
            Self::Prefix(prefix) => {
                *(prefix.get_mut)(rule) = netmask::of_length(family.address_bits());
            }
            Self::Number(field) => (field.set)(rule, *field.range.end()),
        }
    }

    /// Writes the value of a rule as it is saved.
    pub(crate) fn save(&self, rule: &Info, family: Family, line: &mut Line) {
        match self {
            Self::Selectors => {
                line.text("ct");
            }
            Self::Prefix(prefix) => {
                match netmask::length((prefix.get)(rule), family) {
                    Some(length) => line.decimal(length),
                    // Of a rule that the stock library added, as it saves that itself.
                    None => line.text("-1"),
                };
            }
            Self::Number(field) => field.saved.write((field.get)(rule), line),
        }
    }

    /// Writes the value of a rule as it is listed, after the option's name.
    pub(crate) fn list(&self, rule: &Info, option: &Row, family: Family, line: &mut Line) {
        match self {
            Self::Selectors => {
                line.text("ct,");
            }
            Self::Prefix(prefix) => {
                line.bytes(option.short_name()).text(" ");
                list_netmask((prefix.get)(rule), family, line);
            }
            Self::Number(field) => {
                line.bytes(match field.is_added {
                    true => b"+",
                    false => option.short_name(),
                });
                field.listed.write((field.get)(rule), line.text(" "));
            }
        }
    }
}

/// Writes the prefix length of a netmask, or what the stock library has in its place, which may have
/// added a rule with one of no length.
///
/// For IPv6 that is nothing if the mask has all bits, and the mask itself if it has no length; for
/// IPv4 it is -1 without its sign.
fn list_netmask(mask: &[u32; 4], family: Family, line: &mut Line) {
    match (netmask::length(mask, family), family) {
        (Some(128), _) => {}
        (Some(length), _) => {
            line.decimal(length);
        }
        (None, Family::Ipv4) => {
            line.decimal(u32::MAX);
        }
        (None, Family::Ipv6) => netmask::write(mask, family, line),
    }
}
