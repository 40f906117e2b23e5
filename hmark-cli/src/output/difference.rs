// SPDX-License-Identifier: GPL-2.0-only

//! The lines by which a host differs from a plan, in few columns.

use hmark_cli::plan::difference::Differing;

use super::options::options;

/// The words before the options of HMARK in a rule.
const TARGET: &str = " -j HMARK ";

/// Stands for options that a rule keeps.
const SAME: &str = "...";

/// The lines of a part: those with a minus the host has, and those with a plus it lacks. A rule that only
/// gets other options of HMARK is shown without those that it keeps.
pub fn lines(part: &Differing) -> Vec<String> {
    let mut gone = part.gone.clone();
    let mut new: Vec<(String, bool)> = part.new.iter().map(|line| (line.clone(), false)).collect();
    for before in &mut gone {
        for (after, is_paired) in new.iter_mut().filter(|(_, is_paired)| !is_paired) {
            if let Some(short) = shortened(before, after) {
                (*before, *after) = short;
                *is_paired = true;
                break;
            }
        }
    }
    let gone = gone.into_iter().map(|line| format!("-{line}"));
    let new = new.into_iter().map(|(line, _)| format!("+{line}"));
    gone.chain(new).collect()
}

/// Two rules that match the same packets, without the options of HMARK that both have.
///
/// [`None`] if they are not of HMARK, or match different packets.
fn shortened(before: &str, after: &str) -> Option<(String, String)> {
    let (matches, before) = before.split_once(TARGET)?;
    let (others, after) = after.split_once(TARGET)?;
    if matches != others {
        return None;
    }
    let [before, after] = [before, after].map(options);
    let without = |own: &[String], other: &[String]| {
        let mut words: Vec<&str> = Vec::new();
        for option in own {
            match other.contains(option) {
                false => words.push(option),
                true if words.last() != Some(&SAME) => words.push(SAME),
                true => {}
            }
        }
        format!("{matches}{TARGET}{}", words.join(" "))
    };
    Some((without(&before, &after), without(&after, &before)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(gone: &[&str], new: &[&str]) -> Differing {
        let lines = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect();
        Differing {
            of: "iptables -t mangle".to_owned(),
            gone: lines(gone),
            new: lines(new),
        }
    }

    #[test]
    fn rules_are_shown_without_what_they_keep() {
        let part = part(
            &[
                "-A c -d 10.0.0.1/32 -j HMARK --hmark-rnd 0x1 --hmark-sport-mask 0xffff --hmark-mod 4 --hmark-offset 256",
                "-A c -s 10.0.0.1/32 -j HMARK --hmark-mod 4",
            ],
            &[
                "-A c -d 10.0.0.1/32 -j HMARK --hmark-rnd 0x1 --hmark-sport-mask 0xffff --hmark-mod 5 --hmark-offset 256 --hmark-from 4",
                "-A c -s 10.0.0.2/32 -j HMARK --hmark-mod 4",
            ],
        );
        assert_eq!(
            lines(&part),
            [
                "--A c -d 10.0.0.1/32 -j HMARK ... --hmark-mod 4 ...",
                "--A c -s 10.0.0.1/32 -j HMARK --hmark-mod 4",
                "+-A c -d 10.0.0.1/32 -j HMARK ... --hmark-mod 5 ... --hmark-from 4",
                "+-A c -s 10.0.0.2/32 -j HMARK --hmark-mod 4",
            ]
        );
    }

    #[test]
    fn other_lines_are_whole() {
        let part = part(&["7200: from all"], &["-A c -j CONNMARK --save-mark"]);
        assert_eq!(
            lines(&part),
            ["-7200: from all", "+-A c -j CONNMARK --save-mark"]
        );
    }

    #[test]
    fn each_rule_is_compared_with_one_other() {
        let part = part(
            &[
                "-A c -j HMARK --hmark-rnd 0x1 --hmark-mod 4",
                "-A c -j HMARK --hmark-rnd 0x1 --hmark-mod 5",
            ],
            &[
                "-A c -j HMARK --hmark-rnd 0x2 --hmark-mod 4",
                "-A c -j HMARK --hmark-rnd 0x1 --hmark-mod 6",
            ],
        );
        assert_eq!(
            lines(&part),
            [
                "--A c -j HMARK --hmark-rnd 0x1 ...",
                "--A c -j HMARK ... --hmark-mod 5",
                "+-A c -j HMARK --hmark-rnd 0x2 ...",
                "+-A c -j HMARK ... --hmark-mod 6",
            ]
        );
    }
}
