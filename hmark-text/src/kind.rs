// SPDX-License-Identifier: GPL-2.0-only

//! The kinds of values that options have: how each is read, stored and shown.

use core::ops::RangeInclusive;

use hmark::rule::v1::{has_holes, Info};
use hmark::Family;

use crate::line::Line;
use crate::number::{self, Notation};
use crate::options::Row;
use crate::{key, netmask, tunnels, weights};

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
    /// A number whose binary digits are one run of ones, with zeros around it.
    Ones(Field),
    /// Weights of marks: [`Info::less`]. The option may be given several times.
    Weights,
    /// A key of 128 bits: [`Info::key`].
    Key,
    /// A list of tunnels: [`Info::inner`], and their ports.
    Tunnels,
    /// No value: the option alone says it.
    Switch,
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
            Self::Number(_) | Self::Ones(_) => "N",
            Self::Weights | Self::Tunnels => "LIST",
            Self::Key => "HEX",
            Self::Switch => "",
        }
    }

    /// Whether the option has a value.
    pub const fn has_value(&self) -> bool {
        !matches!(self, Self::Switch)
    }

    /// Reads a value and stores it.
    ///
    /// # Errors
    ///
    /// The value, or the wrong element of a list, if it is not of this kind, or if it is a list of
    /// selectors, which concerns several options. The rule is then as it was.
    pub(crate) fn read<'v>(
        &self,
        rule: &mut Info,
        value: &'v [u8],
        family: Family,
    ) -> Result<(), &'v [u8]> {
        match self {
            Self::Selectors => Err(value),
            Self::Weights => weights::read(value, &mut rule.less),
            Self::Tunnels => tunnels::read(value, rule),
            _ => self.read_one(rule, value, family).ok_or(value),
        }
    }

    /// Reads a value that is no list, likewise.
    fn read_one(&self, rule: &mut Info, value: &[u8], family: Family) -> Option<()> {
        match self {
            Self::Prefix(prefix) => {
                *(prefix.get_mut)(rule) = netmask::read(value, family)?;
            }
            Self::Number(field) | Self::Ones(field) => {
                let number = number::read(value).filter(|number| field.range.contains(number))?;
                if matches!(self, Self::Ones(_)) && has_holes(number) {
                    return None;
                }
                (field.set)(rule, number);
            }
            Self::Key => rule.key = key::read(value)?,
            Self::Selectors | Self::Weights | Self::Tunnels | Self::Switch => {}
        }
        Some(())
    }

    /// Stores the highest value, as the option's selector does: that of the saved text, since iptables
    /// -C and -D compare rules byte for byte.
    pub(crate) fn select(&self, rule: &mut Info, family: Family) {
        match self {
            Self::Prefix(prefix) => {
                *(prefix.get_mut)(rule) = netmask::of_length(family.address_bits());
            }
            Self::Number(field) => (field.set)(rule, *field.range.end()),
            // No other kind has a selector that gives it a value.
            _ => {}
        }
    }

    /// Writes the value of a rule as it is saved, after the option's name and a blank.
    pub(crate) fn save(&self, rule: &Info, option: &Row, family: Family, line: &mut Line) {
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
            Self::Number(field) | Self::Ones(field) => {
                field.saved.write((field.get)(rule), line);
            }
            Self::Weights => weights::write(&rule.less, Some(option), line),
            Self::Key => key::write(&rule.key, line),
            Self::Tunnels => tunnels::write(rule, line),
            Self::Switch => {}
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
            Self::Number(field) | Self::Ones(field) => {
                line.bytes(match field.is_added {
                    true => b"+",
                    false => option.short_name(),
                });
                field.listed.write((field.get)(rule), line.text(" "));
            }
            Self::Weights | Self::Key | Self::Tunnels => {
                line.bytes(option.short_name()).text(" ");
                match self {
                    Self::Weights => weights::write(&rule.less, None, line),
                    _ => self.save(rule, option, family, line),
                }
            }
            Self::Switch => {
                line.bytes(option.short_name());
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
