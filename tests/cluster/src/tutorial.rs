// SPDX-License-Identifier: GPL-2.0-only

//! A tutorial, played on hosts: every command runs exactly as the text has it.
//!
//! A fenced block ```` ```sh HOST... ```` has commands for these hosts; a name may end in `*`. The
//! assignments in ```` ```sh settings ```` apply to all blocks after them. A block ```` ```text ```` has the
//! output of the block before it: `#` stands for digits, a line `...` for any lines, the word
//! `...` for any words, and blanks for blanks. A block ```` ```toml FILE HOST... ```` is the file of these hosts.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use anyhow::{bail, ensure, Context, Result};
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use testbed::note;

use crate::host::{is_named, named, Host};
use crate::narration;

/// Number of hosts that run a block at the same time, to save time.
const AT_ONCE: usize = 4;

/// Maximum number of lines of commands that are shown in full.
const SHORT: usize = 4;

/// The text, and the blocks that were played.
pub struct Tutorial {
    file: String,
    text: String,
    /// All of the text, in its order.
    settings: String,
    blocks: Vec<Block>,
    /// The text of each `toml` block, and the names of its hosts.
    files: Vec<(Vec<String>, String)>,
    played: Mutex<BTreeSet<usize>>,
}

/// Commands, and their expected output.
struct Block {
    section: String,
    /// Those before it.
    settings: String,
    hosts: Vec<String>,
    script: String,
    prints: Option<String>,
}

impl Tutorial {
    /// Reads a tutorial; `settings` are assigned after those that the text begins with.
    ///
    /// # Errors
    /// If it cannot be read, or has no commands.
    pub fn read(file: &str, settings: &str) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
        let mut tutorial = parse(&text, settings).with_context(|| file.to_owned())?;
        file.clone_into(&mut tutorial.file);
        tutorial.text = text;
        ensure!(!tutorial.blocks.is_empty(), "{file} has no commands");
        Ok(tutorial)
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Plays the section with this heading, and checks that it prints what the text shows.
    ///
    /// # Errors
    /// If there is no such section, a host is missing, or a command fails or prints something else.
    pub fn play(&self, section: &str, hosts: &[Arc<Host>]) -> Result<()> {
        self.play_with("", section, hosts)
    }

    /// Plays a section with other settings than the text has there, as a reader changes them.
    ///
    /// # Errors
    /// As [`Self::play`].
    pub fn play_with(&self, settings: &str, section: &str, hosts: &[Arc<Host>]) -> Result<()> {
        let blocks = self.blocks.iter().enumerate();
        let mut blocks = blocks
            .filter(|(_, block)| block.section == section)
            .peekable();
        ensure!(
            blocks.peek().is_some(),
            "no section \"{section}\" with commands"
        );
        for (number, block) in blocks {
            narration::step(format!("{section}: {}", block.hosts.join(" ")));
            if block.script.lines().count() <= SHORT {
                narration::detail(&block.script);
            }
            for name in &block.hosts {
                let named = named(hosts, name);
                ensure!(!named.is_empty(), "{section}: there is no host {name}");
                for hosts in named.chunks(AT_ONCE) {
                    block.play(settings, hosts)?;
                }
            }
            self.lock()?.insert(number);
        }
        Ok(())
    }

    /// The value of a setting on a host, as expanded by the shell.
    ///
    /// # Errors
    /// If it is not set.
    pub fn setting(&self, name: &str, host: &Host) -> Result<String> {
        let value = host.run(&format!("{}printf %s \"${name}\"", self.settings))?;
        ensure!(!value.is_empty(), "{name} is not set");
        Ok(value)
    }

    /// The text of the file that a host has by the first such block of the text.
    ///
    /// # Errors
    /// If it has none.
    pub fn file_of(&self, host: &Host) -> Result<&str> {
        let mut files = self.files.iter();
        let file = files.find(|(names, _)| names.iter().any(|name| is_named(host.name(), name)));
        let (_, text) =
            file.with_context(|| format!("{}: no file of {}", self.file, host.name()))?;
        Ok(text)
    }

    /// Plays the sections that nobody has played, so that no command of the text is left out.
    ///
    /// # Errors
    /// As [`Self::play`].
    pub fn play_rest(&self, hosts: &[Arc<Host>]) -> Result<()> {
        for section in self.unplayed()? {
            self.play(&section, hosts)?;
        }
        let (file, blocks) = (&self.file, self.blocks.len());
        note!(
            "{file}: {blocks} blocks of commands played on {} hosts",
            hosts.len()
        );
        Ok(())
    }

    /// The sections that have unplayed commands, in the order of the text.
    fn unplayed(&self) -> Result<Vec<String>> {
        let played = self.lock()?;
        let left = self.blocks.iter().enumerate();
        let left = left.filter(|(number, _)| !played.contains(number));
        let mut sections: Vec<_> = left.map(|(_, block)| block.section.clone()).collect();
        sections.dedup();
        Ok(sections)
    }

    fn lock(&self) -> Result<MutexGuard<'_, BTreeSet<usize>>> {
        let lock = self.played.lock();
        lock.map_err(|_| anyhow::anyhow!("a thread panicked in a tutorial"))
    }
}

impl Block {
    fn play(&self, settings: &str, hosts: &[Arc<Host>]) -> Result<()> {
        thread::scope(|scope| {
            let start = |host| scope.spawn(move || self.play_on(settings, host));
            let players: Vec<_> = hosts.iter().map(Arc::as_ref).map(start).collect();
            let mut ends = players.into_iter().map(|player| player.join());
            ends.try_for_each(|end| end.expect("a panic ends the process"))
        })
    }

    fn play_on(&self, settings: &str, host: &Host) -> Result<()> {
        let printed = host
            .run(&format!("{}{settings}\n{}", self.settings, self.script))
            .with_context(|| format!("section \"{}\"", self.section))?;
        let Some(expected) = &self.prints else {
            return Ok(());
        };
        if !matches(expected, &printed) {
            let mut message = format!("section \"{}\", {}: printed\n", self.section, host.name());
            write!(message, "{printed}instead of\n{expected}")?;
            bail!(message);
        }
        Ok(())
    }
}

fn parse(text: &str, settings: &str) -> Result<Tutorial> {
    let mut assignments = String::new();
    let mut blocks: Vec<Block> = Vec::new();
    let mut files = Vec::new();
    let mut section = String::new();
    let mut in_heading = false;
    let mut code: Option<(String, String)> = None;
    let mut settings = Some(settings);
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => {
                in_heading = true;
                section.clear();
            }
            Event::End(TagEnd::Heading(_)) => in_heading = false,
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                code = Some((info.into_string(), String::new()));
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) => {
                bail!("section \"{section}\": an indented block names no host");
            }
            Event::Text(text) | Event::Code(text) => match &mut code {
                Some((_, lines)) => lines.push_str(&text),
                None if in_heading => section.push_str(&text),
                None => {}
            },
            Event::End(TagEnd::CodeBlock) => {
                let (info, lines) = code.take().context("a block ends that did not begin")?;
                let words: Vec<_> = info.split_whitespace().collect();
                match words.as_slice() {
                    ["sh", "settings"] => assignments.push_str(&lines),
                    ["sh", hosts @ ..] | ["toml", _, hosts @ ..] if !hosts.is_empty() => {
                        if let Some(settings) = settings.take() {
                            writeln!(assignments, "{settings}")?;
                        }
                        let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
                        let script = match words.as_slice() {
                            ["toml", file, ..] => {
                                files.push((hosts.clone(), lines.clone()));
                                format!("cat > {file} <<'END'\n{lines}END\n")
                            }
                            _ => lines,
                        };
                        blocks.push(Block {
                            section: section.clone(),
                            settings: assignments.clone(),
                            hosts,
                            script,
                            prints: None,
                        });
                    }
                    ["text"] => {
                        let block = blocks.last_mut().filter(|block| block.prints.is_none());
                        block.context("nothing prints this text")?.prints = Some(lines);
                    }
                    _ => bail!("section \"{section}\": a block with \"{info}\""),
                }
            }
            _ => {}
        }
    }
    Ok(Tutorial {
        file: String::new(),
        text: String::new(),
        settings: assignments,
        blocks,
        files,
        played: Mutex::default(),
    })
}

/// Whether the output matches the text.
fn matches(expected: &str, printed: &str) -> bool {
    let expected: Vec<_> = expected.lines().collect();
    let printed: Vec<_> = printed.lines().collect();
    all_match(&expected, &printed, line_matches)
}

/// True if all lines, or all words, match one by one: `...` stands for any of them.
fn all_match(expected: &[&str], printed: &[&str], matches: fn(&str, &str) -> bool) -> bool {
    match (expected, printed) {
        ([], []) => true,
        (["...", rest @ ..], _) => {
            (0..=printed.len()).any(|skipped| all_match(rest, &printed[skipped..], matches))
        }
        ([one, rest @ ..], [first, others @ ..]) => {
            matches(one, first) && all_match(rest, others, matches)
        }
        _ => false,
    }
}

/// True if a line's words match, whatever blanks are between them.
fn line_matches(line: &str, found: &str) -> bool {
    let words: Vec<_> = line.split_whitespace().collect();
    let found: Vec<_> = found.split_whitespace().collect();
    all_match(&words, &found, word_matches)
}

/// True if a word matches: `#` stands for one or more digits, or for itself in a comment.
fn word_matches(word: &str, found: &str) -> bool {
    if word == found {
        return true;
    }
    let Some((begin, end)) = word.split_once('#') else {
        return false;
    };
    let Some(rest) = found.strip_prefix(begin) else {
        return false;
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && word_matches(end, &rest[digits..])
}

#[cfg(test)]
mod test {
    use super::*;

    const TEXT: &str = "# Title\n\n```sh settings\nA=1\n```\n\n## One\n\nText.\n\n```sh a b*\n\
        echo $A\n```\n\n```text\n#\n```\n## Two\n\n```sh settings\nA=3\n```\n\n```sh c\ntrue\n```\n";

    #[test]
    fn blocks_have_their_hosts() {
        let tutorial = parse(TEXT, "A=2").unwrap();
        assert_eq!(tutorial.settings, "A=1\nA=2\nA=3\n");
        assert_eq!(tutorial.blocks.len(), 2);
        assert_eq!(tutorial.blocks[0].hosts, ["a", "b*"]);
        assert_eq!(tutorial.blocks[0].section, "One");
        assert_eq!(tutorial.blocks[0].settings, "A=1\nA=2\n");
        assert_eq!(tutorial.blocks[1].settings, tutorial.settings);
        assert_eq!(tutorial.blocks[0].script, "echo $A\n");
        assert_eq!(tutorial.blocks[0].prints.as_deref(), Some("#\n"));
        assert_eq!(tutorial.unplayed().unwrap(), ["One", "Two"]);
    }

    #[test]
    fn files_are_written_as_they_stand() {
        let text = "```toml /etc/a.toml a b*\nkey = \"$A\"\n```\n";
        let tutorial = parse(text, "").unwrap();
        assert_eq!(
            tutorial.blocks[0].script,
            "cat > /etc/a.toml <<'END'\nkey = \"$A\"\nEND\n"
        );
        let (hosts, file) = &tutorial.files[0];
        assert_eq!(
            (hosts.as_slice(), file.as_str()),
            (&["a".to_owned(), "b*".to_owned()][..], "key = \"$A\"\n")
        );
    }

    #[test]
    fn block_without_host_is_refused() {
        assert!(parse("```sh\ntrue\n```\n", "").is_err());
        assert!(parse("```\ntrue\n```\n", "").is_err());
        assert!(parse("```toml /etc/a.toml\n```\n", "").is_err());
        assert!(parse("    true\n", "").is_err());
        assert!(parse("```text\n1\n```\n", "").is_err());
    }

    #[test]
    fn printed_lines_match() {
        assert!(matches("a # b#\n", "a   12 b0\n"));
        assert!(matches("# comment\n", "# comment\n"));
        assert!(!matches("a # b\n", "a x b\n"));
        assert!(matches("a ... #\n", "a b c 1\n"));
        assert!(matches("a ... #\n", "a 1\n"));
        assert!(!matches("a ... #\n", "a b\n"));
        assert!(matches("...\nb\n...\n", "a\na\nb\n"));
        assert!(!matches("...\nb\n", "a\n"));
        assert!(!matches("a\n", "a\nb\n"));
        assert!(!matches("a\n", ""));
    }
}
