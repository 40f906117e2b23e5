// SPDX-License-Identifier: GPL-2.0-only

//! Sentences about many flows that are not as expected.

use hmark_cli::predict::recorded::Recorded;
use hmark_cli::spread::{Amount, Share};

use super::expect::number;
use crate::output::count::{count, verb};
use crate::output::predicted::Predicted;

/// The word for the marks that the capture recorded, in place of a mark or a gateway.
pub const RECORDED: &str = "recorded";

/// All sentences.
pub fn warnings(predicted: &Predicted<'_>, expected: Option<&str>) -> Vec<String> {
    let prediction = predicted.prediction;
    let cut = prediction
        .cut
        .map(|cut| format!("{}: {cut}", predicted.source));
    let expected = match expected {
        Some(RECORDED) => different(&prediction.recorded),
        Some(expected) => unexpected(predicted, expected),
        None => None,
    };
    let replies = predicted
        .replies
        .filter(|(_, replies)| replies.different > 0);
    let replies = replies.map(|(host, replies)| {
        let flows = replies.different;
        let have = verb(flows, "has a reply", "have replies");
        format!(
            "{} {have} with another mark on {host}",
            count(flows, "flow")
        )
    });
    [cut, expected, replies].into_iter().flatten().collect()
}

/// A sentence about the packets that have another mark than was recorded.
fn different(recorded: &Recorded) -> Option<String> {
    let first = recorded.first.as_ref()?;
    let (different, packets) = (recorded.different, recorded.packets());
    let flow = first
        .flow
        .map_or(String::new(), |flow| format!(" ({flow})"));
    Some(format!(
        "{different} of {} {} recorded with another mark; the first is packet {}{flow}, with {} \
         ({:#x}) in place of {} ({:#x})",
        count(packets, "packet"),
        verb(different, "was", "were"),
        first.number,
        first.recorded,
        first.recorded,
        first.predicted,
        first.predicted
    ))
}

/// A sentence about the flows that have another mark or gateway than the one expected.
fn unexpected(predicted: &Predicted<'_>, expected: &str) -> Option<String> {
    let mark = number(expected).ok();
    let is_expected = |share: &&Share| match (predicted.gateway)(share.mark) {
        Some(gateway) if gateway == expected => true,
        _ => Some(share.mark) == mark,
    };
    let whole = predicted.prediction.whole();
    let mut found = Amount::default();
    let shares = predicted.prediction.spread.shares();
    for share in shares.iter().filter(is_expected) {
        found.add(share.amount);
    }
    let flows = whole.flows.saturating_sub(found.flows);
    let packets = whole.packets.saturating_sub(found.packets);
    let sentence = format!(
        "{} and {} do not get {expected}",
        count(flows, "flow"),
        count(packets, "packet")
    );
    ((flows, packets) != (0, 0)).then_some(sentence)
}
