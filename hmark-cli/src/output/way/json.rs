// SPDX-License-Identifier: GPL-2.0-only

//! The way of a flow as JSON, version 1.

use hmark_cli::flow::{Flow, Layer4};
use hmark_cli::routing::{Found, Next};
use hmark_cli::ruleset::Target;
use hmark_cli::way::{Step, Way};
use serde_json::{json, Value};

use super::text::addresses;
use super::{Answer, Reply};

/// The answer.
pub fn value(answer: &Answer<'_>) -> Value {
    let reply = match &answer.reply {
        Reply::None => Value::Null,
        Reply::CannotTell(reason) => json!({ "cannot_tell": reason.to_string() }),
        Reply::ByRule(reply, by_rule) => json!({
            "flow": flow(reply),
            "host": answer.host.name,
            "by": "the same options",
            "mark": by_rule.reply,
            "agrees": answer.agrees(),
        }),
        Reply::On(name, reply, way) => json!({
            "flow": flow(reply),
            "host": name,
            "by": "the host's rules",
            "mark": way.mark,
            "agrees": answer.agrees(),
            "way": self::way(way),
        }),
    };
    json!({
        "version": 1,
        "command": "predict",
        "host": answer.host.name,
        "flow": flow(&answer.way.flow),
        "in_interface": answer.input,
        "way": way(answer.way),
        "reply": reply,
        "expected": answer.expected,
        "as_expected": answer.is_met,
    })
}

fn flow(flow: &Flow) -> Value {
    let mut value = json!({
        "protocol": flow.protocol.to_string(),
        "source": flow.source,
        "destination": flow.destination,
    });
    let mut add = |name: &str, number: u32| {
        if let Some(fields) = value.as_object_mut() {
            fields.insert(name.to_string(), number.into());
        }
    };
    match flow.layer4 {
        Layer4::None => {}
        Layer4::Ports {
            source,
            destination,
        } => {
            add("sport", source.into());
            add("dport", destination.into());
        }
        Layer4::Spi(spi) => add("spi", spi),
        Layer4::Icmp { kind, code, id } => {
            add("type", kind.into());
            add("code", code.into());
            add("id", id.into());
        }
    }
    value
}

fn way(way: &Way<'_>) -> Value {
    let steps: Vec<_> = way.steps.iter().map(step).collect();
    json!({
        "chain": way.hook.chain(),
        "steps": steps,
        "mark": way.mark,
        "dropped": way.dropped.as_ref().map(ToString::to_string),
        "note": way.note,
        "routing": way.found.as_ref().map(|found| routing(way, found)),
        "cannot_tell": way.cannot_tell.as_ref().map(ToString::to_string),
    })
}

fn step(step: &Step<'_>) -> Value {
    let met = &step.met;
    let steps = step.explanation.and_then(|explanation| explanation.steps);
    let hmark = match (&met.place.rule.target, steps) {
        (Target::Hmark(info), Some(steps)) => {
            let [source, destination] = addresses(&steps.tuple);
            json!({
                "source": source,
                "destination": destination,
                "ports": steps.tuple.ports,
                "protocol": steps.tuple.protocol,
                "hash": steps.hash,
                "bucket": steps.bucket,
                "marks": info.masked.v0.hmodulus,
            })
        }
        _ => Value::Null,
    };
    json!({
        "table": met.place.table,
        "chain": met.place.chain,
        "rule": met.place.rule.number,
        "line": met.place.rule.line,
        "text": met.place.rule.text,
        "mark_before": met.before,
        "mark_after": met.after,
        "hmark": hmark,
    })
}

fn routing(way: &Way<'_>, found: &Found<'_>) -> Value {
    let rules = found.rules.iter().map(|rule| {
        json!({
            "preference": rule.preference,
            "text": rule.text,
        })
    });
    let outcome = match found.next {
        _ if way.dropped.is_some() => "dropped",
        Next::Local => "local",
        Next::Broadcast => "broadcast",
        Next::Hop(_) => "sent",
        Next::Refused(word) => word,
        Next::NoRoute => "no route",
    };
    let hop = way.hop();
    json!({
        "destination": way.destination,
        "rules": rules.collect::<Vec<_>>(),
        "table": found.table,
        "route": found.route.map(ToString::to_string),
        "outcome": outcome,
        "gateway": hop.and_then(|hop| hop.gateway),
        "device": hop.and_then(|hop| hop.device.as_deref()),
    })
}
