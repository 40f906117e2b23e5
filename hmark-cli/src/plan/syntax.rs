// SPDX-License-Identifier: GPL-2.0-only

//! The parser's messages about a plan's file, in words of the file: its keys, and no types of Rust.

use std::ops::Range;

use super::mistake::{Lines, Mistake};

/// Parts of the parser's messages, and plain words for them.
const PLAIN: [(&str, &str); 21] = [
    (
        "expected u32",
        "expected a whole number from 0 to 4294967295, such as 50 or 0x3f00",
    ),
    ("expected u16", "expected a whole number up to 65535"),
    (
        "expected a boolean",
        "expected true or false, without quotes",
    ),
    (
        "expected a string",
        "expected a text in quotes, such as \"eth1\"",
    ),
    (
        "invalid type: map, expected a sequence",
        "this is a list: [[match]], with two brackets, or gateways = [ { ... }, { ... } ]",
    ),
    (
        "expected struct Gateway with 5 elements",
        "expected { name = \"gateway-0\", address4 = \"10.1.0.10\" }",
    ),
    (
        "expected struct Gateway",
        "expected { name = \"gateway-0\", address4 = \"10.1.0.10\" }",
    ),
    (
        "expected struct Match",
        "expected a list: [[match]], with two brackets",
    ),
    (
        "expected struct Hash",
        "expected [hash] in a line of its own, and its keys below it",
    ),
    (
        "missing field `name`",
        "a gateway needs a name: add name = \"gateway-0\"",
    ),
    ("unknown variant `", "there is no `"),
    ("invalid type: sequence", "this is a list"),
    ("invalid type: map", "this is a table"),
    ("invalid length 1", "this is a list"),
    ("invalid type: ", "this is the "),
    ("invalid value: ", "this is the "),
    (" as i128", ""),
    (
        "invalid float, expected `nan`",
        "a text needs quotes, such as \"eth1\"",
    ),
    (
        "invalid float, expected `inf`",
        "a text needs quotes, such as \"eth1\"",
    ),
    (
        "string values must be quoted, expected literal string",
        "a text needs quotes, such as \"eth1\"",
    ),
    (
        "invalid inline table element, expected `,`",
        "this is no part of { ... }: a } or a comma is missing before it",
    ),
];

/// Messages about single characters.
const CHARACTERS: [(&str, &str); 4] = [
    (
        "invalid basic string, expected `\"`",
        "the text has no quotation mark at its end",
    ),
    (
        "invalid literal string, expected `'`",
        "the text has no quotation mark at its end",
    ),
    (
        "key with no value, expected `=`",
        "a key has its value behind =",
    ),
    (
        "unexpected key or value, expected newline, `#`",
        "the value has ended before this: give one key a line",
    ),
];

/// Keys of the whole plan, which may stand below brackets by mistake.
const OF_PLAN: [&str; 14] = [
    "name",
    "device",
    "offset",
    "mask",
    "from",
    "to",
    "sticky",
    "nexthops",
    "preference",
    "table",
    "protocol",
    "hash",
    "match",
    "gateways",
];

/// Names of keys elsewhere, and those of a plan.
const ELSEWHERE: [(&str, &str); 8] = [
    ("rnd", "seed"),
    ("interface", "in-interface"),
    ("iif", "in-interface"),
    ("address", "address4"),
    ("ipv4", "address4"),
    ("ipv6", "address6"),
    ("dst", "destination"),
    ("src", "source"),
];

/// The beginning of the parser's message about a key that is not known.
const UNKNOWN: &str = "unknown field `";

/// The parser's complaint, in one line.
pub fn mistake(lines: Lines<'_>, error: &toml::de::Error) -> Mistake {
    let words: Vec<&str> = error.message().split_whitespace().collect();
    let mut text = words.join(" ");
    let span = error.span().unwrap_or(0..0);
    if let Some(key) = text
        .strip_prefix(UNKNOWN)
        .and_then(|rest| rest.split('`').next())
    {
        let unknown = unknown(key, &text);
        return lines.mistake_in(&span, unknown);
    }
    // A value does not say which it is of several in its line.
    let of_values = ["invalid type", "invalid value", "unknown variant"];
    let is_of_value = of_values.iter().any(|begin| text.starts_with(begin));
    for (of_parser, plain) in PLAIN.iter().chain(&CHARACTERS) {
        text = text.replace(of_parser, plain);
    }
    let text = match key_before(lines.0, &span) {
        Some(key) if is_of_value => format!("{key}: {text}"),
        _ => text,
    };
    lines.mistake_in(&span, text)
}

/// A sentence about a key that is not known, with one that may be meant.
fn unknown(key: &str, message: &str) -> String {
    let known = || message.split('`').skip(3).step_by(2);
    let is_of_plan = known().any(|other| other == "gateways");
    let meant = ELSEWHERE.iter().find(|(other, _)| *other == key);
    let meant = meant.map(|(_, meant)| *meant);
    let meant = meant.filter(|meant| known().any(|other| other == *meant));
    let near = || {
        let plain = key.replace('_', "-");
        let is_begin = |other: &&str| key.len() > 2 && other.starts_with(key);
        let mut others = known();
        others
            .find(|other| *other == plain)
            .or_else(|| known().find(|other| is_near(other, key)))
            .or_else(|| known().find(is_begin))
    };
    if let Some(meant) = meant.or_else(near) {
        return format!("there is no key {key} here: {meant} may be meant");
    }
    let list = known().collect::<Vec<_>>().join(", ");
    let place = match (is_of_plan, OF_PLAN.contains(&key)) {
        (false, true) => " (keys of the whole plan come before the first line in brackets)",
        _ => "",
    };
    format!("there is no key {key} here, only {list}{place}")
}

/// True if a word is another one with a mistake or two. In short words, fewer are allowed: two could make
/// any other word of them.
fn is_near(one: &str, other: &str) -> bool {
    let distance = distance(one, other);
    distance <= 2 && distance.saturating_mul(3) <= other.len()
}

/// The number of letters to add, take away or change that make one word another.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (number, own) in one.bytes().enumerate() {
        let mut next = vec![number.saturating_add(1)];
        for ((letter, pair), above) in other.bytes().zip(row.windows(2)).zip(row.iter().skip(1)) {
            let changed = pair.first().copied().unwrap_or(0);
            let changed = changed.saturating_add(usize::from(own != letter));
            let left = next.last().copied().unwrap_or(0).saturating_add(1);
            next.push(changed.min(left).min(above.saturating_add(1)));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// The key of the value at a place: the word before the `=` before it.
fn key_before<'t>(text: &'t str, value: &Range<usize>) -> Option<&'t str> {
    let before = text.get(..value.start)?.trim_end().strip_suffix('=')?;
    let before = before.trim_end();
    let is_part = |char: char| char.is_ascii_alphanumeric() || "-_".contains(char);
    let key = before.rsplit(|char| !is_part(char)).next()?;
    (!key.is_empty()).then_some(key)
}
