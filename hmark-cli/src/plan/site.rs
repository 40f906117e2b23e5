// SPDX-License-Identifier: GPL-2.0-only

//! A plan's file, checked: each mistake is told with its line, and what would be right.

mod doubts;
mod gateways;
mod hash;
mod matches;
mod numbers;

use std::net::{Ipv4Addr, Ipv6Addr};

use hmark::Family;

use super::file::{self, File, Nexthops, Texts};
use super::marks::Marks;
use super::mistake::{Lines, Mistake};
use crate::net::Net;
use crate::ruleset::Hook;

pub use hash::Tuple;

/// A checked file.
#[derive(Clone, Debug)]
pub struct Site {
    /// The name of the plan: letters, digits and hyphens, at most 12.
    pub name: String,
    /// The families of the packets that are marked.
    pub families: Vec<Family>,
    /// The marks of the gateways, in their order.
    pub marks: Marks,
    /// The gateways, of which there is one at least.
    pub gateways: Vec<Gateway>,
    /// The packets that are marked.
    pub matches: Vec<Selected>,
    /// The networks that marked packets are sent to by their gateway.
    pub to: Vec<Net>,
    /// The options of the hash.
    pub hash: hash::Hash,
    /// Whether running connections keep their gateway.
    pub sticky: bool,
    /// Whether one nexthop object of a gateway serves both families.
    pub shared: bool,
    /// The first preference of the routing rules.
    pub preference: u32,
    /// The table, and the nexthop object, of the first gateway.
    pub table: u32,
    /// The routing protocol by which the plan's rules, routes and nexthops are known.
    pub protocol: u32,
    /// Parts of the file that are allowed, and hardly meant.
    pub doubts: Vec<Mistake>,
}

/// A gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Its name.
    pub name: String,
    /// Its IPv4 address.
    pub address4: Option<Ipv4Addr>,
    /// Its IPv6 address.
    pub address6: Option<Ipv6Addr>,
    /// The device that it is reached by.
    pub device: String,
    /// Its share in per cent of a full one: 0 to 100.
    pub weight: u32,
}

/// Packets that are marked.
#[derive(Clone, Debug)]
pub struct Selected {
    /// Where they are seen.
    pub hook: Hook,
    /// The device that they come in by.
    pub input: Option<String>,
    /// The device that they leave by.
    pub output: Option<String>,
    /// Networks of their sources; empty for any.
    pub sources: Vec<Address>,
    /// Networks of their destinations; empty for any.
    pub destinations: Vec<Address>,
    /// The protocol above IP; `icmp` is that of the family.
    pub protocol: Option<String>,
    /// The destination port.
    pub port: Option<u16>,
    /// Whether the connection is hashed.
    pub ct: bool,
}

/// A network, or all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The network.
    pub net: Net,
    /// Whether it is the others that are meant.
    pub not: bool,
}

impl Selected {
    /// Whether it is about packets of a family.
    pub fn is_of(&self, family: Family) -> bool {
        let all = [&self.sources, &self.destinations];
        all.into_iter().all(|addresses| {
            let mut families = addresses.iter().map(|address| address.net.family());
            addresses.is_empty() || families.any(|own| own == family)
        })
    }
}

/// Reads and checks a file's text.
///
/// # Errors
///
/// The first mistake.
pub fn read(text: &str) -> Result<Site, Mistake> {
    let file = file::read(text)?;
    let lines = Lines(text);
    let gateways = gateways::gateways(&file, lines)?;
    let marks = numbers::marks(&file, lines)?;
    let matches = matches::matches(&file, lines)?;
    let families = gateways::families(&file, lines, &gateways, &matches)?;
    let to = to(&file, lines, &families)?;
    let mut site = Site {
        name: name(&file, lines)?,
        hash: hash::hash(&file, lines, &marks)?,
        shared: families.len() > 1
            && file.nexthops.as_ref().map(|nexthops| *nexthops.as_ref()) != Some(Nexthops::Family),
        sticky: file.sticky.unwrap_or(false),
        preference: numbers::preference(&file, lines, &marks)?,
        table: numbers::table(&file, lines)?,
        protocol: numbers::protocol(&file, lines)?,
        families,
        marks,
        gateways,
        matches,
        to,
        doubts: Vec::new(),
    };
    hash::check(&site, &file, lines)?;
    site.doubts = doubts::doubts(&site, &file, lines);
    Ok(site)
}

fn name(file: &File, lines: Lines<'_>) -> Result<String, Mistake> {
    let Some(name) = &file.name else {
        return Ok("plan".to_string());
    };
    let text = name.as_ref();
    let is_fine = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
    match (1..=12).contains(&text.len()) && text.chars().all(is_fine) && !text.starts_with('-') {
        true => Ok(text.clone()),
        false => Err(lines.mistake(
            name,
            "name: give 1 to 12 small letters, digits and hyphens, since chains are named after it",
        )),
    }
}

/// The networks that marked packets are sent to; without any, all.
fn to(file: &File, lines: Lines<'_>, families: &[Family]) -> Result<Vec<Net>, Mistake> {
    let Some(to) = &file.to else {
        return Ok(families.iter().copied().map(Net::every).collect());
    };
    let mut nets = Vec::new();
    for (span, text) in &to.as_ref().0 {
        let span = span.clone().unwrap_or(to.span());
        let net = [Family::Ipv4, Family::Ipv6]
            .into_iter()
            .find_map(|family| Net::read(text, family).filter(Net::is_prefix));
        nets.push(net.ok_or_else(|| {
            let shown = shown(text);
            let sentence = format!("to: {shown} is no network: give one such as 10.3.0.0/24");
            lines.mistake_in(&span, sentence)
        })?);
    }
    for family in families {
        if !nets.iter().any(|net| net.family() == *family) {
            let sentence = format!("to: add a network of {family}, or leave it out for all");
            return Err(lines.mistake(to, sentence));
        }
    }
    nets.retain(|net| families.contains(&net.family()));
    Ok(nets)
}

/// The networks of a list, with `!` for all others.
fn addresses(
    texts: Option<&toml::Spanned<Texts>>,
    lines: Lines<'_>,
    key: &str,
) -> Result<Vec<Address>, Mistake> {
    let Some(texts) = texts else {
        return Ok(Vec::new());
    };
    let mut all: Vec<Address> = Vec::new();
    for (span, text) in &texts.as_ref().0 {
        let span = span.clone().unwrap_or(texts.span());
        let (not, text) = match text.strip_prefix('!') {
            Some(rest) => (true, rest.trim_start()),
            None => (false, text.as_str()),
        };
        let net = [Family::Ipv4, Family::Ipv6]
            .into_iter()
            .find_map(|family| Net::read(text, family));
        let net = net.ok_or_else(|| {
            let shown = shown(text);
            let right = "give an address or a network, such as 198.51.100.1 or \"! 10.0.0.0/8\"";
            lines.mistake_in(&span, format!("{key}: {shown} is no address: {right}"))
        })?;
        let others = |address: &&Address| address.net.family() == net.family();
        if all.contains(&Address { net, not }) {
            return Err(lines.mistake_in(&span, format!("{key}: {net} is given twice")));
        }
        if all.iter().filter(others).any(|address| not || address.not) {
            let family = net.family();
            let sentence =
                format!("{key}: with \"!\" one {family} network is all, since another match would take its packets");
            return Err(lines.mistake_in(&span, sentence));
        }
        all.push(Address { net, not });
    }
    Ok(all)
}

/// A device's name, which comes into scripts and rules; with a `+` at its end, if that may be, the beginning
/// of names.
fn device(
    name: &toml::Spanned<String>,
    lines: Lines<'_>,
    key: &str,
    may_begin: bool,
) -> Result<String, Mistake> {
    let text = name.as_ref();
    let whole = match may_begin {
        true => text.strip_suffix('+').unwrap_or(text),
        false => text,
    };
    let is_fine = |char: char| char.is_ascii_alphanumeric() || "._-:@".contains(char);
    let fits = (1..=15).contains(&text.len()) && !text.starts_with(['-', '.']);
    match fits && whole.chars().all(is_fine) {
        true => Ok(text.clone()),
        false => Err(lines.mistake(
            name,
            format!(
                "{key}: {} is no device: give a name of up to 15 characters, as `ip link` has it",
                shown(text)
            ),
        )),
    }
}

/// A text as messages show it.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(48).collect();
    format!("{short:?}")
}
