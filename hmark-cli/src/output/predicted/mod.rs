// SPDX-License-Identifier: GPL-2.0-only

//! A prediction for many packets, as text, JSON, or the bars of a chart.

mod json;
mod notes;
mod replies;

use hmark_cli::drawing::chart::Bar;
use hmark_cli::predict::answer::Reason;
use hmark_cli::predict::both::Replies;
use hmark_cli::predict::Prediction;
use hmark_cli::spread::{Amount, Share};

use super::count::count;
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
    /// The name of the host that replies pass, and what they get there.
    pub replies: Option<(&'p str, &'p Replies)>,
}

impl Predicted<'_> {
    /// The table and what is to be said about it, as lines.
    pub fn text(&self) -> Vec<String> {
        let mut text = vec![self.judge.to_owned(), self.summary(), String::new()];
        text.extend(self.table());
        text.push(String::new());
        text.extend(self.notes());
        if let Some((host, replies)) = self.replies {
            text.push(String::new());
            text.extend(replies::lines(host, replies));
        }
        text
    }

    /// One line: how many packets and flows of which file.
    pub fn summary(&self) -> String {
        let Self {
            source, prediction, ..
        } = self;
        let whole = prediction.whole();
        let mut parts = vec![format!("{}{}", self.least(), count(whole.flows, "flow"))];
        if prediction.has_packets {
            parts.push(count(whole.packets, "packet"));
        }
        if prediction.has_bytes {
            parts.push(count(whole.bytes, "byte"));
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
            label: format!(
                "{}, {}",
                percent(share.share),
                count(share.amount.flows, "flow")
            ),
        });
        bars.collect()
    }
}
