// SPDX-License-Identifier: GPL-2.0-only

//! The live screen: a table of marks that is drawn anew, and scrolled by keys.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::terminal::{end_by, is_end, Event, Screen, Signals};
use super::Watched;
use crate::commands::Status;
use crate::output::watch::{lines, Style};

/// The time after which rules, routes and neighbours are read again.
const RENEW: Duration = Duration::from_secs(5);

/// Lines at the top that stay where the rest is scrolled.
const FIXED: usize = 1;

/// Shows the marks until a key or a signal ends it.
pub fn run(interval: Duration) -> Result<Status> {
    let signals = Signals::block()?;
    let mut watched = Watched::start()?;
    let is_coloured = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let screen = Screen::enter()?;
    let mut has_keys = screen.has_keys;
    let mut first = 0;
    let mut renewed = Instant::now();
    let mut next = Instant::now() + interval;
    loop {
        let (width, height) = screen.size();
        let style = Style { width, is_coloured };
        let all = lines(&watched.host.name, &watched.report(), &style);
        first = first.min(all.len().saturating_sub(FIXED + room(&all, height)));
        screen.show(&part(&all, first, height, width))?;
        let left = next.saturating_duration_since(Instant::now());
        match signals.event(left, has_keys)? {
            Event::Signal(signal) if is_end(signal) => {
                drop(screen);
                drop(watched);
                return end_by(signal);
            }
            // Its end: nobody types any more.
            Event::Key(bytes) if bytes.is_empty() => has_keys = false,
            Event::Key(bytes) => match key(&bytes) {
                Key::Quit => return Ok(Status::Fine),
                Key::Move(lines) => first = first.saturating_add_signed(lines),
                Key::Page(pages) => {
                    let page =
                        isize::try_from(height.saturating_sub(FIXED + 1).max(1)).unwrap_or(0);
                    first = first.saturating_add_signed(pages.saturating_mul(page));
                }
                Key::Other => {}
            },
            Event::Signal(_) | Event::Nothing => {}
        }
        if Instant::now() < next {
            continue;
        }
        if renewed.elapsed() >= RENEW {
            watched.renew()?;
            renewed = Instant::now();
        }
        watched.look()?;
        next = Instant::now() + interval;
    }
}

/// The number of lines that are scrolled and fit the screen. If not all do, the last line says which.
fn room(all: &[String], height: usize) -> usize {
    let for_words = usize::from(all.len() > height);
    height.saturating_sub(FIXED + for_words)
}

/// The lines that fit the screen, without the first so many of those that are scrolled.
fn part(all: &[String], first: usize, height: usize, width: usize) -> Vec<String> {
    let rest = all.get(FIXED..).unwrap_or_default();
    let room = room(all, height);
    let fixed = all.iter().take(FIXED);
    let mut shown: Vec<String> = fixed
        .chain(rest.iter().skip(first).take(room))
        .cloned()
        .collect();
    if all.len() > height && height > FIXED {
        let (begin, end) = (first.saturating_add(1), first.saturating_add(room));
        let words = format!("-- {begin} to {end} of {} lines: arrow keys --", rest.len());
        shown.push(words.chars().take(width).collect());
    }
    shown
}

/// What a key is for.
#[derive(Debug, PartialEq, Eq)]
enum Key {
    Quit,
    Move(isize),
    Page(isize),
    Other,
}

fn key(bytes: &[u8]) -> Key {
    match bytes {
        // Control and C or D, or the escape key.
        b"q" | b"Q" | [3] | [4] | [27] => Key::Quit,
        b"j" | b"\x1b[B" | b"\x1bOB" => Key::Move(1),
        b"k" | b"\x1b[A" | b"\x1bOA" => Key::Move(-1),
        b" " | b"\x1b[6~" => Key::Page(1),
        b"b" | b"\x1b[5~" => Key::Page(-1),
        b"\x1b[H" | b"g" => Key::Move(isize::MIN),
        b"\x1b[F" | b"G" => Key::Move(isize::MAX),
        _ => Key::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn screens_are_never_larger_than_the_terminal() {
        let all: Vec<String> = (0..50).map(|line| format!("line {line}")).collect();
        for height in [0, 1, 2, 3, 24, 49, 50, 51, 200] {
            for first in [0, 1, 26, 49, 1000] {
                let shown = part(&all, first, height, 80);
                assert!(shown.len() <= height.max(FIXED), "{height} {first}");
            }
        }
        assert_eq!(part(&all, 0, 50, 80), all);
        let shown = part(&all, 10, 24, 80);
        assert_eq!((&*shown[0], &*shown[1]), ("line 0", "line 11"));
        assert_eq!(shown[22], "line 32");
        assert_eq!(shown[23], "-- 11 to 32 of 49 lines: arrow keys --");
        let last = part(&all, 49 - room(&all, 24), 24, 80);
        assert_eq!((&*last[22], last.len()), ("line 49", 24));
    }

    #[test]
    fn keys() {
        for (bytes, expected) in [
            (&b"q"[..], Key::Quit),
            (b"\x03", Key::Quit),
            (b"\x1b", Key::Quit),
            (b"\x1b[A", Key::Move(-1)),
            (b"\x1b[6~", Key::Page(1)),
            (b"x", Key::Other),
            (b"\xff\xff", Key::Other),
        ] {
            assert_eq!(key(bytes), expected);
        }
    }
}
