// SPDX-License-Identifier: GPL-2.0-only

//! The marks with which a capture recorded its packets, compared with those that are predicted.

use crate::flow::Flow;

/// Packets with a recorded mark, compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The packets whose mark is the predicted one.
    pub same: u64,
    /// Those that have another mark.
    pub different: u64,
    /// Those whose mark cannot be told, or that a rule drops.
    pub unknown: u64,
    /// The packets without a recorded mark.
    pub without: u64,
    /// The first packet with another mark.
    pub first: Option<Difference>,
}

/// A packet whose mark is another one than predicted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The packet's number in the capture, from 1 on.
    pub number: u64,
    /// Its flow, by its own headers; [`None`] if they are not there.
    pub flow: Option<Flow>,
    /// The mark that was recorded.
    pub recorded: u32,
    /// The mark that was predicted.
    pub predicted: u32,
}

impl Recorded {
    /// Counts a packet with the mark that was recorded and the one that is predicted, as far as they are
    /// known.
    pub(super) fn count(
        &mut self,
        recorded: Option<u32>,
        predicted: Option<u32>,
        difference: impl FnOnce(u32, u32) -> Difference,
    ) {
        let count = match (recorded, predicted) {
            (None, _) => &mut self.without,
            (_, None) => &mut self.unknown,
            (Some(recorded), Some(predicted)) if recorded == predicted => &mut self.same,
            (Some(recorded), Some(predicted)) => {
                if self.first.is_none() {
                    self.first = Some(difference(recorded, predicted));
                }
                &mut self.different
            }
        };
        *count = count.saturating_add(1);
    }

    /// The packets with a recorded mark.
    pub fn packets(&self) -> u64 {
        let known = self.same.saturating_add(self.different);
        known.saturating_add(self.unknown)
    }
}
