// SPDX-License-Identifier: GPL-2.0-only

//! Sentences below a table of marks.

use hmark_cli::chi_square::{ChiSquare, LEVEL};

use super::Predicted;

impl Predicted<'_> {
    /// Sentences about the table.
    pub(super) fn notes(&self) -> Vec<String> {
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
        if prediction.recorded.packets() > 0 {
            let recorded = &prediction.recorded;
            notes.push(format!(
                "marks as they were recorded: {} packets as predicted, {} not, {} cannot be told",
                recorded.same, recorded.different, recorded.unknown
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
}
