// SPDX-License-Identifier: GPL-2.0-only

//! Sentences below a table of marks.

use hmark_cli::chi_square::{ChiSquare, LEVEL};
use hmark_cli::spread::Amount;

use super::Predicted;
use crate::output::count::{count, verb};

impl Predicted<'_> {
    /// Sentences about the table.
    pub(super) fn notes(&self) -> Vec<String> {
        let prediction = self.prediction;
        let mut notes = vec![match prediction.spread.chi_square() {
            Some(chi_square) => self.verdict(&chi_square),
            None if prediction.whole() == Amount::default() => "there is no flow in it".to_owned(),
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
        let mut some = |amount: u64, noun: &str, one: &str, several: &str| {
            if amount > 0 {
                notes.push(format!(
                    "{} {}",
                    count(amount, noun),
                    verb(amount, one, several)
                ));
            }
        };
        some(
            prediction.several,
            "flow",
            "has packets with different marks, and counts where its first packet does",
            "have packets with different marks, and count where their first packet does",
        );
        some(
            prediction.fragments,
            "packet",
            "is a fragment: a flow without ports",
            "are fragments: flows without ports",
        );
        if prediction.recorded.packets() > 0 {
            let recorded = &prediction.recorded;
            notes.push(format!(
                "marks as they were recorded: {} as predicted, {} not, {} cannot be told",
                count(recorded.same, "packet"),
                recorded.different,
                recorded.unknown
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
            false => match tuples {
                1 => " by one tuple, as they are hashed".to_owned(),
                _ => format!(" by {tuples} different tuples, as they are hashed"),
            },
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
