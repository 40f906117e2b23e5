// SPDX-License-Identifier: GPL-2.0-only

//! A prediction for many packets, as text, JSON, or the bars of a chart.

use hmark_cli::chi_square::{ChiSquare, LEVEL};
use hmark_cli::drawing::chart::Bar;
use hmark_cli::predict::answer::Reason;
use hmark_cli::predict::Prediction;
use hmark_cli::spread::{Amount, Share};
use serde_json::{json, Value};

use super::moves::percent;
use super::table::{bar, lines, Side};

/// The most marks that a table shows one by one; of more it shows so many of the greatest and the least.
const MOST_MARKS: usize = 256;
const OUTER_MARKS: usize = 20;

/// Characters of the longest bar.
const BAR: usize = 20;

/// A prediction, and what it is about.
pub struct Predicted<'p> {
    /// The name of the file.
    pub source: &'p str,
    /// The rule, or the host.
    pub judge: &'p str,
    /// The prediction.
    pub prediction: &'p Prediction,
    /// The gateway of each mark, if that is known.
    pub gateway: &'p dyn Fn(u32) -> Option<String>,
}

impl Predicted<'_> {
    /// The table and what is to be said about it, as lines.
    pub fn text(&self) -> Vec<String> {
        let mut text = vec![self.judge.to_owned(), self.summary(), String::new()];
        text.extend(self.table());
        text.push(String::new());
        text.extend(self.notes());
        text
    }

    /// One line: how many packets and flows of which file.
    pub fn summary(&self) -> String {
        let Self {
            source, prediction, ..
        } = self;
        let whole = prediction.whole();
        let mut parts = vec![format!("{}{} flows", self.least(), whole.flows)];
        if prediction.has_packets {
            parts.push(format!("{} packets", whole.packets));
        }
        if prediction.has_bytes {
            parts.push(format!("{} bytes", whole.bytes));
        }
        let mut summary = format!("{source}: {}", parts.join(", "));
        if let Some((first, last)) = prediction.time {
            let seconds = last.saturating_sub(first) as f64 / 1e9;
            summary.push_str(&format!(" in {seconds:.1} s"));
        }
        summary
    }

    /// The words before a number of flows that may be too small.
    fn least(&self) -> &'static str {
        match self.prediction.has_more_flows {
            true => "at least ",
            false => "",
        }
    }

    fn table(&self) -> Vec<String> {
        let columns = [
            ("mark", Side::Right),
            ("gateway", Side::Left),
            ("flows", Side::Right),
            ("packets", Side::Right),
            ("bytes", Side::Right),
            ("share", Side::Right),
            ("expected", Side::Right),
            ("", Side::Left),
        ];
        let mut shares = self.prediction.spread.shares();
        let longest = shares
            .iter()
            .fold(0.0, |longest, share| share.share.max(longest));
        let row = |share: &Share| self.row(share, longest);
        let mut rows: Vec<_> = match shares.len() > MOST_MARKS {
            false => shares.iter().map(row).collect(),
            true => {
                shares.sort_by(|a, b| b.share.total_cmp(&a.share));
                let last = shares.len().saturating_sub(OUTER_MARKS);
                let middle = shares.get(OUTER_MARKS..last).unwrap_or_default();
                let outer = |part: Option<&[Share]>| -> Vec<Vec<String>> {
                    part.unwrap_or_default().iter().map(row).collect()
                };
                let mut rows = outer(shares.get(..OUTER_MARKS));
                rows.push(self.sum(middle));
                rows.extend(outer(shares.get(last..)));
                rows
            }
        };
        let reasons = [
            ("-", &self.prediction.unmarked),
            ("?", &self.prediction.cannot_tell),
        ];
        for (mark, reasons) in reasons {
            for (reason, amount) in reasons {
                let mark = match reason {
                    Reason::OtherMarks => "...",
                    _ => mark,
                };
                let numbers = self.numbers(amount);
                let empty = || String::new();
                let mut row = vec![mark.to_owned(), empty()];
                row.extend(numbers);
                row.extend([empty(), empty(), reason.to_string()]);
                rows.push(row);
            }
        }
        lines(&columns, &rows)
    }

    fn row(&self, share: &Share, longest: f64) -> Vec<String> {
        let mut row = vec![
            share.mark.to_string(),
            (self.gateway)(share.mark).unwrap_or_default(),
        ];
        row.extend(self.numbers(&share.amount));
        row.extend([
            percent(share.share),
            share.expected.map(percent).unwrap_or_default(),
            bar(share.share / longest.max(f64::MIN_POSITIVE), BAR),
        ]);
        row
    }

    /// The row of marks that are not shown one by one.
    fn sum(&self, shares: &[Share]) -> Vec<String> {
        let mut whole = Amount::default();
        for share in shares {
            whole.add(share.amount);
        }
        let expected: Option<f64> = shares.iter().map(|share| share.expected).sum();
        let mut row = vec!["...".to_owned(), String::new()];
        row.extend(self.numbers(&whole));
        row.extend([
            percent(shares.iter().map(|share| share.share).sum()),
            expected.map(percent).unwrap_or_default(),
            format!("{} marks between", shares.len()),
        ]);
        row
    }

    /// Flows, packets and bytes, as far as they are known.
    fn numbers(&self, amount: &Amount) -> [String; 3] {
        let known = |is_known: bool, number: u64| match is_known {
            true => number.to_string(),
            false => String::new(),
        };
        let Prediction {
            has_packets,
            has_bytes,
            ..
        } = *self.prediction;
        [
            amount.flows.to_string(),
            known(has_packets, amount.packets),
            known(has_bytes, amount.bytes),
        ]
    }

    /// Sentences about the table.
    fn notes(&self) -> Vec<String> {
        let prediction = self.prediction;
        let mut notes = vec![match prediction.spread.chi_square() {
            Some(chi_square) => self.verdict(&chi_square),
            None if prediction.spread.whole().flows == 0 => "no flow is marked".to_owned(),
            None => "too few flows, or too many marks, for a chi-square test".to_owned(),
        }];
        if prediction.has_more_flows {
            notes.push(
                "there are more flows than are told apart: flows and shares are those of the first \
                 ones, packets and bytes are of all"
                    .to_owned(),
            );
        }
        if prediction.several > 0 {
            notes.push(format!(
                "{} flows have packets with different marks, and count where their first packet does",
                prediction.several
            ));
        }
        if prediction.fragments > 0 {
            notes.push(format!(
                "{} packets are fragments: flows without ports",
                prediction.fragments
            ));
        }
        notes
    }

    fn verdict(&self, chi_square: &ChiSquare) -> String {
        let (tuples, flows) = (
            self.prediction.spread.tuples(),
            self.prediction.spread.whole().flows,
        );
        let subject = match tuples == flows {
            true => String::new(),
            false => format!(" by {tuples} different tuples, as they are hashed"),
        };
        let verdict = match chi_square.passes() {
            true => "as even as chance makes it".to_owned(),
            false => format!(
                "uneven: chance does so less than once in {:.0} times",
                1.0 / LEVEL
            ),
        };
        format!("{chi_square}{subject}: {verdict}")
    }

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
            "warnings": warnings,
        })
    }

    /// The bars of a chart.
    pub fn bars(&self) -> Vec<Bar> {
        let shares = self.prediction.spread.shares();
        let bars = shares.iter().map(|share| Bar {
            name: match (self.gateway)(share.mark) {
                Some(gateway) => format!("{} {gateway}", share.mark),
                None => share.mark.to_string(),
            },
            share: share.share,
            expected: share.expected,
            label: format!("{}, {} flows", percent(share.share), share.amount.flows),
        });
        bars.collect()
    }
}
