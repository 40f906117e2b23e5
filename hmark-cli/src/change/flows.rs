// SPDX-License-Identifier: GPL-2.0-only

//! The moves of given flows, those of a capture or a list: each is judged before and after the change.

use hmark::rule::v1::Info;
use hmark::Packet;

use super::Moves;
use crate::predict::answer::Answer;
use crate::predict::{Asked, Judge};

/// Two judges of the same packets, which counts the marks that both give new flows.
pub struct Pair<J> {
    before: J,
    after: J,
    /// The flows that were judged.
    pub moves: Moves,
    /// The number of flows of which one judge cannot tell the mark.
    pub cannot_tell: u64,
}

impl<J: Judge> Pair<J> {
    /// A judge by what is, and one by what is to be.
    pub fn new(before: J, after: J) -> Self {
        Self {
            before,
            after,
            moves: Moves::default(),
            cannot_tell: 0,
        }
    }
}

impl<J: Judge> Judge for Pair<J> {
    fn tunnels(&self) -> Option<&Info> {
        self.before.tunnels()
    }

    fn rules(&self) -> Vec<Option<Info>> {
        self.before.rules()
    }

    fn answer<P: Packet>(&mut self, asked: &Asked<'_, P>) -> Answer {
        let before = self.before.answer(asked);
        // A flow's other packets have the mark of its first.
        if asked.is_new {
            let after = self.after.answer(asked);
            match (mark(&before), mark(&after)) {
                (Some(before), Some(after)) => self.moves.add(before, after, 1),
                _ => self.cannot_tell = self.cannot_tell.saturating_add(1),
            }
        }
        before
    }
}

/// The mark in an answer; [`None`] if it cannot be told.
fn mark(answer: &Answer) -> Option<Option<u32>> {
    match answer {
        Answer::Marked(marked) => Some(Some(marked.mark)),
        Answer::Unmarked(_) => Some(None),
        Answer::CannotTell(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flows::{Format, List};
    use crate::predict::{of_list, Alone, MOST_FLOWS};

    #[test]
    fn each_flow_is_counted_once() {
        let mut list = String::new();
        for port in 1..=400 {
            // The reply is the same flow.
            list.push_str(&format!("tcp,10.0.0.1,{port},10.0.0.2,80\n"));
            list.push_str(&format!("tcp,10.0.0.2,80,10.0.0.1,{port}\n"));
        }
        let rule = |text| Alone::read(text).unwrap();
        let mut pair = Pair::new(
            rule("--hmark-mod 4 --hmark-offset 100"),
            rule("--hmark-mod 4 --hmark-offset 100 --hmark-weight 3=0"),
        );
        let (_, error) = of_list(
            List::new(list.as_bytes(), Format::Csv),
            &mut pair,
            MOST_FLOWS,
            &mut |_| {},
        );
        assert!(error.is_none());
        assert_eq!((pair.moves.flows(), pair.cannot_tell), (400, 0));
        let (loses, gains) = pair.moves.turnover()[&Some(103)];
        assert_eq!((loses, gains), (pair.moves.moved(), 0));
        // A quarter: 100 with a standard deviation of 9.
        assert!((60..140).contains(&loses), "{loses}");
    }
}
