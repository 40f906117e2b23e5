// SPDX-License-Identifier: GPL-2.0-only

//! Routing rules, read as `ip -j rule` and `ip -j -6 rule` list them.

use std::ops::RangeInclusive;

use anyhow::{bail, ensure, Context, Result};
use hmark::Family;
use serde_json::{Map, Value};

use super::{Action, RoutingRule, RoutingRules};
use crate::flow::Protocol;
use crate::net::Net;
use crate::routing::routes::table_name;

/// The largest number of rules that is taken from a file.
const MOST: usize = 1 << 18;

impl RoutingRules {
    /// Reads JSON of `ip`, of any version since 5.10. An empty text is that of a host without rules.
    ///
    /// # Errors
    ///
    /// If the text is no JSON, or none of routing rules.
    pub fn read(text: &[u8], family: Family) -> Result<Self> {
        if text.trim_ascii().is_empty() {
            let rules = Vec::new();
            return Ok(Self { family, rules });
        }
        let list: Vec<Map<String, Value>> = serde_json::from_slice(text)?;
        ensure!(list.len() <= MOST, "there are more than {MOST} rules");
        let mut rules = Vec::new();
        for (index, fields) in list.iter().enumerate() {
            // Some versions end their list with an empty object.
            if fields.is_empty() {
                continue;
            }
            let rule = RoutingRule::read(fields, family);
            let number = index.saturating_add(1);
            rules.push(rule.with_context(|| format!("rule {number} of the list"))?);
        }
        // The kernel lists them in this order, and a person may not.
        rules.sort_by_key(|rule| rule.preference);
        Ok(Self { family, rules })
    }
}

impl RoutingRule {
    fn read(fields: &Map<String, Value>, family: Family) -> Result<Self> {
        let mut rule = Self {
            preference: 0,
            not: false,
            source: Net::every(family),
            destination: Net::every(family),
            mark: None,
            input: None,
            output: None,
            protocol: None,
            sport: None,
            dport: None,
            others: Vec::new(),
            action: Action::Unknown("nothing".to_string()),
            suppress_prefix: None,
            owner: None,
            text: String::new(),
        };
        let mut table = None;
        let mut action = None;
        for (name, value) in fields {
            match name.as_str() {
                "priority" => rule.preference = number(name, value)?,
                "not" => rule.not = true,
                "src" => rule.source = net(fields, "src", "srclen", family)?,
                "dst" => rule.destination = net(fields, "dst", "dstlen", family)?,
                "fwmark" => {
                    let mask = fields.get("fwmask");
                    let mask = mask.map_or(Ok(u32::MAX), |mask| number("fwmask", mask))?;
                    rule.mark = Some((number(name, value)?, mask));
                }
                "iif" => rule.input = Some(text(value)),
                "oif" => rule.output = Some(text(value)),
                "ipproto" => match Protocol::named(&text(value)) {
                    Some(protocol) => rule.protocol = Some(protocol),
                    None => rule.others.push(format!("ipproto {}", text(value))),
                },
                "sport" | "sport_start" => rule.sport = Some(ports(fields, "sport")?),
                "dport" | "dport_start" => rule.dport = Some(ports(fields, "dport")?),
                // Linux 6.16 and later have masks of ports, which are of all bits unless one is given.
                "sport_mask" | "dport_mask" if number(name, value)? == u32::from(u16::MAX) => {}
                "table" => table = Some(table_name(&text(value))),
                "suppress_prefixlen" | "suppress_prefixlength" => {
                    rule.suppress_prefix = Some(number(name, value)?);
                }
                "goto" => {
                    action = Some(match value {
                        Value::Number(_) => Action::Goto(number(name, value)?),
                        other => Action::Unknown(format!("goto {}", text(other))),
                    });
                }
                "nop" => action = Some(Action::Nop),
                "action" | "to" => {
                    let word = text(value);
                    action = Some(match word.as_str() {
                        "blackhole" | "unreachable" | "prohibit" => Action::Refuse(word),
                        "nop" => Action::Nop,
                        "table" | "lookup" => continue,
                        _ => Action::Unknown(word),
                    });
                }
                "protocol" => rule.owner = text(value).parse().ok(),
                // Parts of the above, and what decides nothing.
                "srclen" | "dstlen" | "fwmask" | "sport_end" | "dport_end" | "iif_detached"
                | "oif_detached" | "flow_from" | "flow_to" | "unresolved" => {}
                "l3mdev" => {}
                // Ranges of users, types of service, tunnels, and what future versions add.
                _ => rule.others.push(match value {
                    Value::Null => name.clone(),
                    value => format!("{name} {}", text(value)),
                }),
            }
        }
        rule.action = match (action, table) {
            (Some(action), _) => action,
            (None, Some(table)) => Action::Table(table),
            (None, None) if fields.contains_key("l3mdev") => Action::Unknown("l3mdev".to_string()),
            (None, None) => bail!("it has neither a table nor another action"),
        };
        rule.text = rule.shown();
        Ok(rule)
    }
}

/// A value as words.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A number, or its text in decimal or, after `0x`, hexadecimal digits.
fn number(name: &str, value: &Value) -> Result<u32> {
    let text = text(value);
    let number = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    number.with_context(|| format!("{name} is no number, but {value}"))
}

/// A network: `all`, an address, or an address with a length of its own field.
fn net(fields: &Map<String, Value>, name: &str, length: &str, family: Family) -> Result<Net> {
    let address = fields.get(name).map(text).unwrap_or_default();
    if address == "all" {
        return Ok(Net::every(family));
    }
    let net = match (fields.get(length), address.parse()) {
        (Some(value), Ok(address)) => {
            let net = Net::new(address, number(length, value)?);
            net.filter(|net| net.family() == family)
        }
        _ => Net::read(&address, family).filter(Net::is_prefix),
    };
    net.with_context(|| format!("{name} is no {family} network, but \"{address}\""))
}

/// The ports of `NAME`, or `NAME_start` to `NAME_end`.
fn ports(fields: &Map<String, Value>, name: &str) -> Result<RangeInclusive<u16>> {
    let port = |field: String| -> Result<Option<u16>> {
        let Some(value) = fields.get(&field) else {
            return Ok(None);
        };
        let port = u16::try_from(number(&field, value)?).ok();
        Ok(Some(port.with_context(|| format!("{field} is no port"))?))
    };
    if let Some(port) = port(name.to_string())? {
        return Ok(port..=port);
    }
    let first = port(format!("{name}_start"))?.with_context(|| format!("{name} has no start"))?;
    let last = port(format!("{name}_end"))?.with_context(|| format!("{name} has no end"))?;
    Ok(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Vec<String>> {
        let rules = RoutingRules::read(json.as_bytes(), Family::Ipv4)?.rules;
        Ok(rules.iter().map(RoutingRule::to_string).collect())
    }

    /// What iproute2 6.1 prints.
    #[test]
    fn rules_are_shown_as_ip_rule_does() {
        let json = r#"[{"priority":0,"src":"all","table":"local"},
            {"priority":5,"src":"all","nop":null},
            {"priority":8,"src":"all","oif":"front","oif_detached":null,"uid_start":0,"uid_end":5,"table":"7"},
            {"priority":9,"src":"10.0.0.0","srclen":8,"dst":"1.2.3.4","tos":"0x10","iif":"lo",
                "ipproto":"tcp","sport":4,"dport_start":80,"dport_end":90,"action":"blackhole"},
            {"priority":10,"src":"all","table":"main","suppress_prefixlen":0},
            {"priority":50,"not":null,"src":"all","fwmark":"0x100","fwmask":"0xf00","goto":32766},
            {"priority":1000,"src":"all","l3mdev":null},
            {"priority":32765,"src":"all","fwmark":"0x64","table":"100"},
            {"priority":32766,"src":"all","table":"main","protocol":"kernel"},
            {"priority":32767,"src":"all","table":"default"}]"#;
        let expected = [
            "0: from all lookup local",
            "5: from all nop",
            "8: from all oif front uid_end 5 uid_start 0 lookup 7",
            "9: from 10.0.0.0/8 to 1.2.3.4/32 iif lo ipproto tcp sport 4 dport 80-90 tos 0x10 blackhole",
            "10: from all lookup main suppress_prefixlength 0",
            "50: not from all fwmark 0x100/0xf00 goto 32766",
            "1000: from all l3mdev",
            "32765: from all fwmark 0x64 lookup 100",
            "32766: from all lookup main",
            "32767: from all lookup default",
        ];
        assert_eq!(read(json).unwrap(), expected);
    }

    #[test]
    fn other_versions() {
        let json = r#"[{"priority":2,"src":"all","fwmark":100,"table":100},
            {"priority":1,"fwmark":"100","fwmask":255,"table":254},{},
            {"priority":3,"src":"all","dport":80,"dport_mask":"0xffff","table":"7"},
            {"priority":4,"src":"all","sport":80,"sport_mask":"0xfff0","table":"7"}]"#;
        let expected = [
            "1: from all fwmark 0x64/0xff lookup main",
            "2: from all fwmark 0x64 lookup 100",
            "3: from all dport 80 lookup 7",
            "4: from all sport 80 sport_mask 0xfff0 lookup 7",
        ];
        assert_eq!(read(json).unwrap(), expected);
        assert_eq!(read(" \n").unwrap(), [""; 0]);
    }

    #[test]
    fn mistakes_are_named() {
        for (json, part) in [
            ("0: from all lookup local", "line 1"),
            ("[{\"priority\":0", "EOF"),
            ("{}", "expected a sequence"),
            (r#"[{"priority":0,"src":"all"}]"#, "neither a table"),
            (r#"[{"priority":-1,"table":"1"}]"#, "priority is no number"),
            (
                r#"[{"priority":1,"src":"fd00::","srclen":8,"table":"1"}]"#,
                "no IPv4 network",
            ),
            (
                r#"[{"priority":1,"src":"10.0.0.0","srclen":33,"table":"1"}]"#,
                "no IPv4 network",
            ),
            (
                r#"[{"priority":1,"fwmark":[],"table":"1"}]"#,
                "fwmark is no number",
            ),
            (
                r#"[{"priority":1,"dport_start":80,"table":"1"}]"#,
                "dport has no end",
            ),
            (
                r#"[{"priority":1,"dport":65536,"table":"1"}]"#,
                "dport is no port",
            ),
        ] {
            let error = format!("{:#}", read(json).unwrap_err());
            assert!(error.contains(part), "{json}: {error}");
        }
    }
}
