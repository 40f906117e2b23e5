// SPDX-License-Identifier: GPL-2.0-only

//! A prediction as JSON, version 1.

use hmark_cli::predict::answer::Reason;
use hmark_cli::predict::recorded::Recorded;
use hmark_cli::spread::Amount;
use serde_json::{json, Value};

use super::{replies, Predicted};

impl Predicted<'_> {
    /// All of it as JSON.
    pub fn json(&self, warnings: &[String]) -> Value {
        let prediction = self.prediction;
        let number = |is_known: bool, number: u64| is_known.then_some(number);
        let amount = |amount: &Amount| {
            (
                amount.flows,
                number(prediction.has_packets, amount.packets),
                number(prediction.has_bytes, amount.bytes),
            )
        };
        let shares = prediction.spread.shares();
        let marks = shares.iter().map(|share| {
            let (flows, packets, bytes) = amount(&share.amount);
            json!({
                "mark": share.mark,
                "gateway": (self.gateway)(share.mark),
                "flows": flows,
                "packets": packets,
                "bytes": bytes,
                "share": share.share,
                "expected": share.expected,
            })
        });
        let marks: Vec<_> = marks.collect();
        let reasons = |reasons: &[(Reason, Amount)]| {
            let reasons = reasons.iter().map(|(reason, sum)| {
                let (flows, packets, bytes) = amount(sum);
                json!({
                    "reason": reason.to_string(),
                    "flows": flows,
                    "packets": packets,
                    "bytes": bytes,
                })
            });
            reasons.collect::<Vec<_>>()
        };
        let chi_square = prediction.spread.chi_square().map(|chi_square| {
            json!({
                // JSON has no infinity: a mark without a share has a flow.
                "statistic": Some(chi_square.statistic()).filter(|number| number.is_finite()),
                "degrees": chi_square.degrees(),
                "p": chi_square.probability(),
                "tuples": prediction.spread.tuples(),
            })
        });
        let whole = amount(&prediction.whole());
        json!({
            "version": 1,
            "command": "predict",
            "source": self.source,
            "by": self.judge,
            "flows": whole.0,
            "more_flows": prediction.has_more_flows,
            "packets": whole.1,
            "bytes": whole.2,
            "seconds": prediction.time.map(|(first, last)| last.saturating_sub(first) as f64 / 1e9),
            "marks": marks,
            "unmarked": reasons(&prediction.unmarked),
            "cannot_tell": reasons(&prediction.cannot_tell),
            "flows_with_several_marks": prediction.several,
            "fragments": prediction.fragments,
            "chi_square": chi_square,
            "recorded": recorded(&prediction.recorded),
            "replies": self.replies.map(|(host, replies)| replies::value(host, replies)),
            "warnings": warnings,
        })
    }
}

/// The marks that the capture recorded; null if it has none.
fn recorded(recorded: &Recorded) -> Value {
    if recorded.packets() == 0 {
        return Value::Null;
    }
    let first = recorded.first.as_ref().map(|first| {
        json!({
            "packet": first.number,
            "flow": first.flow.map(|flow| flow.to_string()),
            "recorded": first.recorded,
            "predicted": first.predicted,
        })
    });
    json!({
        "same": recorded.same,
        "different": recorded.different,
        "cannot_tell": recorded.unknown,
        "without": recorded.without,
        "first": first,
    })
}
