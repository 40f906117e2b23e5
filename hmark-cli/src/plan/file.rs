// SPDX-License-Identifier: GPL-2.0-only

//! A plan's file as it is written, before anything is checked but its form.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::Deserialize;
use toml::Spanned;

use super::mistake::{Lines, Mistake};
use super::syntax;

/// The most bytes of a file: thousands of gateways are in less.
const LARGEST: usize = 1 << 20;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct File {
    /// The name of the plan, and so of its chains.
    pub name: Option<Spanned<String>>,
    /// The device of gateways that name none.
    pub device: Option<Spanned<String>>,
    /// The mark of the first gateway.
    pub offset: Option<Spanned<u32>>,
    /// The bits of the mark that are set.
    pub mask: Option<Spanned<u32>>,
    /// The number of gateways that there were at first.
    pub from: Option<Spanned<u32>>,
    /// The networks that marked packets are sent to by their gateway.
    pub to: Option<Spanned<Texts>>,
    /// Whether running connections keep their gateway.
    pub sticky: Option<bool>,
    /// The nexthop objects of a gateway.
    pub nexthops: Option<Spanned<Nexthops>>,
    /// The first preference of the routing rules.
    pub preference: Option<Spanned<u32>>,
    /// The table and nexthop of the first gateway.
    pub table: Option<Spanned<u32>>,
    /// The routing protocol by which all that belongs to the plan is known.
    pub protocol: Option<Spanned<u32>>,
    /// Options of the hash.
    #[serde(default)]
    pub hash: Hash,
    /// The packets that are marked.
    #[serde(rename = "match", default)]
    pub matches: Vec<Spanned<Match>>,
    /// The gateways, in the order of their marks.
    #[serde(default)]
    pub gateways: Vec<Spanned<Gateway>>,
}

/// The nexthop objects of a gateway that has addresses of both families.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Nexthops {
    /// One, its IPv6 address, which routes of both families lead to.
    #[default]
    Shared,
    /// One of each family.
    Family,
}

/// Options of the hash, as the target has them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[allow(missing_docs)] // The options' own names.
pub struct Hash {
    pub seed: Option<Spanned<u32>>,
    pub key: Option<Spanned<String>>,
    pub tuple: Option<Spanned<String>>,
    pub sport_mask: Option<Spanned<u32>>,
    pub dport_mask: Option<Spanned<u32>>,
    pub inner: Option<Spanned<String>>,
    #[serde(default)]
    pub reverse_errors: Option<Spanned<bool>>,
}

/// Packets that are marked. All that is given must fit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Match {
    /// PREROUTING or OUTPUT.
    pub chain: Option<Spanned<String>>,
    /// The device that packets come in by.
    pub in_interface: Option<Spanned<String>>,
    /// The device that the host's own packets leave by.
    pub out_interface: Option<Spanned<String>>,
    /// Networks of sources.
    pub source: Option<Spanned<Texts>>,
    /// Networks of destinations.
    pub destination: Option<Spanned<Texts>>,
    /// The protocol above IP.
    pub protocol: Option<Spanned<String>>,
    /// The destination port.
    pub port: Option<Spanned<u16>>,
    /// Whether the connection is hashed, since addresses are translated here.
    #[serde(default)]
    pub ct: bool,
}

/// A gateway.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Gateway {
    /// Its name.
    pub name: Spanned<String>,
    /// Its IPv4 address.
    pub address4: Option<Spanned<String>>,
    /// Its IPv6 address.
    pub address6: Option<Spanned<String>>,
    /// The device that it is reached by.
    pub device: Option<Spanned<String>>,
    /// Its share in per cent of a full one.
    pub weight: Option<Spanned<u32>>,
}

/// One text, or a list of texts, each with its place if it is in a list.
#[derive(Debug)]
pub struct Texts(pub Vec<(Option<Range<usize>>, String)>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextsVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E>(self, text: &str) -> Result<Texts, E> {
        Ok(Texts(vec![(None, text.to_owned())]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = list.next_element::<Spanned<String>>()? {
            texts.push((Some(text.span()), text.into_inner()));
        }
        Ok(Texts(texts))
    }
}

/// Reads a file's text.
///
/// # Errors
///
/// What is no TOML, or has another form than [`File`].
pub fn read(text: &str) -> Result<File, Mistake> {
    if text.len() > LARGEST {
        return Err(Mistake {
            line: 0,
            sentence: format!("the file has more than {LARGEST} bytes"),
        });
    }
    toml::from_str(text).map_err(|error| syntax::mistake(Lines(text), &error))
}
