// SPDX-License-Identifier: GPL-2.0-only

//! Sentences about rules, for captures with millions of packets that get one of few: each is put into words
//! once, and counted as fast as a number.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::cannot_tell::CannotTell;
use crate::ruleset::{DroppedAt, UnclearAt};

/// The most causes whose sentences are remembered: there are few, unless addresses are among them.
const MOST_CAUSES: usize = 1 << 12;

/// A sentence. Copies share its words, and it is hashed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    hash: u64,
    words: Arc<str>,
}

impl Sentence {
    /// A sentence of these words.
    pub fn new(words: String) -> Self {
        let mut hasher = DefaultHasher::new();
        words.hash(&mut hasher);
        Self {
            hash: hasher.finish(),
            words: words.into(),
        }
    }
}

impl Hash for Sentence {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

/// The cause of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Cause<'r> {
    /// The packet's way cannot be told.
    Unclear(UnclearAt<'r>),
    /// It is dropped.
    Dropped(DroppedAt<'r>),
}

impl Cause<'_> {
    fn words(self) -> String {
        match self {
            Self::Unclear(unclear) => CannotTell::from(unclear).advised("-i"),
            Self::Dropped(place) => format!("dropped: {place}"),
        }
    }
}

/// Sentences that have been made.
#[derive(Default)]
pub(super) struct Sentences<'r> {
    made: HashMap<Cause<'r>, Sentence>,
}

impl<'r> Sentences<'r> {
    /// The sentence for a cause.
    pub(super) fn of(&mut self, cause: Cause<'r>) -> Sentence {
        if let Some(sentence) = self.made.get(&cause) {
            return sentence.clone();
        }
        let sentence = Sentence::new(cause.words());
        if self.made.len() < MOST_CAUSES {
            self.made.insert(cause, sentence.clone());
        }
        sentence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ruleset::Unclear;

    fn unclear(address: u32) -> Cause<'static> {
        Cause::Unclear(UnclearAt {
            reason: Unclear::Type(std::net::Ipv4Addr::from(address).into()),
            place: None,
        })
    }

    #[test]
    fn a_cause_is_put_into_words_once() {
        let mut sentences = Sentences::default();
        let first = sentences.of(unclear(1));
        assert!(Arc::ptr_eq(&first.words, &sentences.of(unclear(1)).words));
        assert_ne!(first, sentences.of(unclear(2)));
        assert_eq!(first, Sentence::new(first.to_string()));
    }

    /// A packet may choose an address that the words have.
    #[test]
    fn many_causes_take_little_memory() {
        let mut sentences = Sentences::default();
        for address in 0..2 * MOST_CAUSES as u32 {
            let words = sentences.of(unclear(address)).to_string();
            let address = std::net::Ipv4Addr::from(address);
            assert!(words.contains(&format!(" {address} ")), "{words}");
        }
        assert_eq!(sentences.made.len(), MOST_CAUSES);
    }
}
