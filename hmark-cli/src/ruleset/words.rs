// SPDX-License-Identifier: GPL-2.0-only

//! A line of saved rules as words, as iptables-restore splits it.

/// A word of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// Its text, without quotes and backslashes.
    pub text: String,
    /// Whether it was quoted, and so cannot be an option.
    pub quoted: bool,
}

impl Word {
    /// Whether it is an option's name, such as `-s` or `--dport`.
    pub fn is_option(&self) -> bool {
        !self.quoted && self.text.starts_with('-') && self.text.len() > 1
    }

    /// Whether it inverts what follows.
    pub fn is_not(&self) -> bool {
        !self.quoted && self.text == "!"
    }
}

/// Splits a line at blanks, except in double quotes, where a backslash keeps the next character.
///
/// [`None`] if a quote is not closed.
pub(crate) fn split(line: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut in_quotes = false;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                in_quotes = !in_quotes;
                word.get_or_insert(Word::empty()).quoted = true;
            }
            '\\' if in_quotes => {
                let kept = characters.next()?;
                word.get_or_insert(Word::empty()).text.push(kept);
            }
            ' ' | '\t' | '\r' if !in_quotes => words.extend(word.take()),
            other => word.get_or_insert(Word::empty()).text.push(other),
        }
    }
    words.extend(word);
    (!in_quotes).then_some(words)
}

impl Word {
    fn empty() -> Self {
        Self {
            text: String::new(),
            quoted: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes() {
        let words = |line| {
            let words = split(line)?;
            Some(words.into_iter().map(|word| word.text).collect::<Vec<_>>())
        };
        let saved = r#"-A x -m comment --comment "it\'s \"x\" \\ y"  -j LOG"#;
        let expected = [
            "-A",
            "x",
            "-m",
            "comment",
            "--comment",
            r#"it's "x" \ y"#,
            "-j",
            "LOG",
        ];
        assert_eq!(words(saved).unwrap(), expected);
        assert_eq!(words(r#"a "" "-j" b"#).unwrap(), ["a", "", "-j", "b"]);
        assert_eq!(words("").unwrap(), [""; 0]);
        for line in [r#""a"#, r#""a\"#, r#"a "b\""#] {
            assert_eq!(words(line), None, "{line}");
        }
        let words = split(r#"-j "-j" - !"#).unwrap();
        let options: Vec<_> = words.iter().map(Word::is_option).collect();
        assert_eq!(options, [true, false, false, false]);
    }
}
