// SPDX-License-Identifier: GPL-2.0-only

//! The options of the hash, and of weights, which the target's own reader checks.

use hmark::rule::v1::Info;
use hmark::Family;
use toml::Spanned;

use super::super::file::File;
use super::super::marks::Marks;
use super::super::mistake::{Lines, Mistake};
use super::Site;
use crate::change::edit;

/// The parts of a packet that the target hashes unless it is told otherwise.
const DEFAULT: &str = "src,dst,sport,dport,proto";

/// Options of the target, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hash {
    /// `--hmark-tuple`; [`None`] if other options select what is hashed.
    tuple: Option<String>,
    /// All others but those of marks and weights.
    options: Vec<(&'static str, String)>,
    /// `--hmark-from`.
    from: Option<u32>,
}

/// What a rule hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tuple {
    /// The packet.
    Packet,
    /// Its connection.
    Connection,
    /// Its connection without ports, for pings, whose identifiers are no ports to other rules.
    Portless,
}

impl Hash {
    /// Whether a rule hashes ports.
    pub fn has_ports(&self) -> bool {
        let selects = |tuple: &String| tuple.contains("port");
        self.tuple.as_ref().is_none_or(selects)
            || self.options.iter().any(|(name, _)| name.contains("port"))
    }

    fn text(&self, tuple: Tuple) -> String {
        let mut text = String::new();
        let parts = match (tuple, &self.tuple) {
            (Tuple::Packet, parts) => parts.clone(),
            (Tuple::Connection, Some(parts)) => Some(format!("ct,{parts}")),
            (Tuple::Connection, None) => Some("ct".to_string()),
            (Tuple::Portless, Some(parts)) => {
                let parts = parts.split(',').filter(|part| !part.contains("port"));
                Some(format!("ct,{}", parts.collect::<Vec<_>>().join(",")))
            }
            (Tuple::Portless, None) => Some("ct,src,dst,proto".to_string()),
        };
        if let Some(parts) = parts {
            text.push_str(&format!(" --hmark-tuple {}", parts.trim_end_matches(',')));
        }
        for (name, value) in &self.options {
            if tuple != Tuple::Portless || !name.contains("port") {
                text.push_str(&format!(" --{name} {value}"));
            }
        }
        text
    }
}

/// Checks the options of the hash, one by one.
///
/// # Errors
///
/// The first that the target refuses, in its words.
pub fn hash(file: &File, lines: Lines<'_>, marks: &Marks) -> Result<Hash, Mistake> {
    let given = &file.hash;
    let mut hash = Hash::default();
    let number = |value: &Option<Spanned<u32>>| {
        let value = value.as_ref();
        value.map(|value| (format!("{:#x}", value.as_ref()), value.span()))
    };
    let word = |value: &Option<Spanned<String>>| {
        let value = value.as_ref();
        value.map(|value| (value.as_ref().clone(), value.span()))
    };
    let flag = given.reverse_errors.as_ref().filter(|on| *on.as_ref());
    let all = [
        ("hmark-tuple", word(&given.tuple)),
        ("hmark-sport-mask", number(&given.sport_mask)),
        ("hmark-dport-mask", number(&given.dport_mask)),
        ("hmark-rnd", number(&given.seed)),
        ("hmark-key", word(&given.key)),
        ("hmark-inner", word(&given.inner)),
        (
            "hmark-reverse-errors",
            flag.map(|on| (String::new(), on.span())),
        ),
    ];
    for (name, value) in all {
        let Some((value, span)) = value else {
            continue;
        };
        let refused = |sentence: String| lines.mistake_in(&span, format!("[hash]: {sentence}"));
        if name == "hmark-tuple" && value.split(',').any(|part| part.trim() == "ct") {
            return Err(refused(
                "give ct = true in a match in place of \"ct\"".into(),
            ));
        }
        if value.contains(|char: char| char.is_whitespace() || "\"'\\`$".contains(char)) {
            return Err(refused("a value has no blanks and no quotes".into()));
        }
        let mut scratch = Info::default();
        let option = hmark_text::option(name.as_bytes())
            .ok_or_else(|| refused(format!("unknown option \"--{name}\"")))?;
        hmark_text::set(&mut scratch, option, value.as_bytes(), Family::Ipv4)
            .map_err(|error| refused(error.to_string()))?;
        match name {
            "hmark-tuple" => hash.tuple = Some(value),
            _ => hash.options.push((name, value)),
        }
    }
    let selects = |(name, _): &(&str, String)| name.ends_with("port-mask");
    if hash.tuple.is_none() && !hash.options.iter().any(selects) {
        hash.tuple = Some(DEFAULT.to_string());
    }
    if let Some(from) = &file.from {
        let (count, number) = (marks.count, *from.as_ref());
        if !(1..=count).contains(&number) {
            let sentence = format!("from: give 1 to {count}, the number of gateways at first");
            return Err(lines.mistake(from, sentence));
        }
        hash.from = Some(number).filter(|number| *number < count);
    }
    Ok(hash)
}

impl Site {
    /// The options of the target of a rule, as iptables-save shows them: in full, so that the stock library
    /// takes them, too, as long as none is of revision 1.
    ///
    /// # Errors
    ///
    /// What the target refuses, in its words.
    pub fn target(&self, family: Family, tuple: Tuple) -> Result<String, String> {
        let marks = &self.marks;
        let mut text = format!(
            "--hmark-mod {} --hmark-offset {:#x}{}",
            marks.count,
            marks.first,
            self.hash.text(tuple)
        );
        if let Some(mask) = marks.mask {
            text.push_str(&format!(" --hmark-mask {mask:#x}"));
        }
        if let Some(from) = self.hash.from {
            text.push_str(&format!(" --hmark-from {from}"));
        }
        for (place, gateway) in self.gateways.iter().enumerate() {
            if gateway.weight != 100 {
                text.push_str(&format!(" --hmark-weight {place}={}", gateway.weight));
            }
        }
        let info = edit::read(&text, family).map_err(|error| error.to_string())?;
        Ok(edit::save(&info, family))
    }
}

/// Checks the options as a whole.
///
/// # Errors
///
/// A contradiction, in the target's words.
pub fn check(site: &Site, file: &File, lines: Lines<'_>) -> Result<(), Mistake> {
    for selected in &site.matches {
        let tuple = match selected.ct {
            true => Tuple::Connection,
            false => Tuple::Packet,
        };
        for family in &site.families {
            site.target(*family, tuple).map_err(|sentence| {
                let first = file.gateways.first();
                let span = first.map_or(0..0, Spanned::span);
                let options = [&file.hash.key, &file.hash.inner, &file.hash.tuple];
                let option = options.into_iter().flatten().next().map(Spanned::span);
                let is_weight = sentence.contains("weight") || sentence.contains("-from");
                let span = option.filter(|_| !is_weight).unwrap_or(span);
                lines.mistake_in(&span, sentence)
            })?;
        }
    }
    Ok(())
}
