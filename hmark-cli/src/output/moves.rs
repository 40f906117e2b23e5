// SPDX-License-Identifier: GPL-2.0-only

//! Moves from mark to mark as text: a matrix if it fits a page, else the greatest moves, and sums.

use hmark_cli::change::{Mark, Moves};

/// The most marks that a matrix has rows for.
const MOST_MARKS: usize = 10;

/// The most rows of a list.
const MOST_ROWS: usize = 8;

/// A share in per cent, with as many decimals as tell it from 0 and from all.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let is_short = percent == 0.0 || (0.01..=99.99).contains(&percent) || percent == 100.0;
    match is_short {
        true => format!("{percent:.2} %"),
        false => format!("{percent:.6} %"),
    }
}

/// A mark as it is shown: decimal, as in rules.
pub fn name(mark: Mark) -> String {
    match mark {
        Some(mark) => mark.to_string(),
        None => "-".to_owned(),
    }
}

/// The moves as lines of text.
pub fn lines(moves: &Moves) -> Vec<String> {
    if moves.moved() == 0 {
        return Vec::new();
    }
    match moves.marks().len() <= MOST_MARKS {
        true => matrix(moves),
        false => {
            let mut lines = greatest(moves);
            lines.push(String::new());
            lines.extend(turnover(moves));
            lines
        }
    }
}

fn share(count: u64, moves: &Moves) -> String {
    match count {
        0 => ".".to_owned(),
        count => percent(count as f64 / moves.flows().max(1) as f64),
    }
}

/// A row for each mark that flows have, and a column for each that they get.
fn matrix(moves: &Moves) -> Vec<String> {
    let marks = moves.marks();
    let mut head = vec!["from \\ to".to_owned()];
    head.extend(marks.iter().map(|&mark| name(mark)));
    head.push("moves".to_owned());
    let mut rows = vec![head];
    for &from in &marks {
        let mut row = vec![name(from)];
        row.extend(
            marks
                .iter()
                .map(|&to| share(moves.between(from, to), moves)),
        );
        let leaving = marks.iter().filter(|&&to| to != from);
        let leaving: u64 = leaving.map(|&to| moves.between(from, to)).sum();
        row.push(share(leaving, moves));
        rows.push(row);
    }
    let mut sum = vec!["gain".to_owned()];
    for &to in &marks {
        let coming = marks.iter().filter(|&&from| from != to);
        let coming: u64 = coming.map(|&from| moves.between(from, to)).sum();
        sum.push(share(coming, moves));
    }
    sum.push(share(moves.moved(), moves));
    rows.push(sum);
    aligned(&rows)
}

/// The greatest moves from mark to mark, and the sum of the others.
fn greatest(moves: &Moves) -> Vec<String> {
    let all = moves.greatest();
    let mut rows = vec![["from", "to", "share"].map(str::to_owned).to_vec()];
    for &(from, to, count) in all.iter().take(MOST_ROWS) {
        rows.push(vec![name(from), name(to), share(count, moves)]);
    }
    let others = all.get(MOST_ROWS..).unwrap_or_default();
    if !others.is_empty() {
        let sum = others.iter().map(|(_, _, count)| count).sum();
        rows.push(vec![
            format!("{} others", others.len()),
            String::new(),
            share(sum, moves),
        ]);
    }
    aligned(&rows)
}

/// What single marks lose and gain, those with most first, and the sum of the others.
fn turnover(moves: &Moves) -> Vec<String> {
    let mut marks: Vec<_> = moves.turnover().into_iter().collect();
    marks.sort_by_key(|&(mark, (loses, gains))| (std::cmp::Reverse(loses.max(gains)), mark));
    let mut rows = vec![["mark", "loses", "gains"].map(str::to_owned).to_vec()];
    for &(mark, (loses, gains)) in marks.iter().take(MOST_ROWS) {
        rows.push(vec![name(mark), share(loses, moves), share(gains, moves)]);
    }
    let others = marks.get(MOST_ROWS..).unwrap_or_default();
    if !others.is_empty() {
        let (loses, gains) = others.iter().fold((0, 0), |(loses, gains), (_, other)| {
            (loses + other.0, gains + other.1)
        });
        rows.push(vec![
            format!("{} others", others.len()),
            share(loses, moves),
            share(gains, moves),
        ]);
    }
    aligned(&rows)
}

/// Rows with all columns as wide as their widest entry, and numbers on the right.
fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let widths = rows.iter().filter_map(|row| row.get(column));
        widths.map(|entry| entry.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let entries = row.iter().zip(&widths).enumerate();
        let entries = entries.map(|(column, (entry, &width))| match column {
            0 => format!("{entry:<width$}"),
            _ => format!("{entry:>width$}"),
        });
        entries.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_marks_are_a_matrix() {
        let mut moves = Moves::default();
        moves.add(Some(100), Some(100), 40);
        moves.add(Some(100), Some(101), 10);
        moves.add(Some(101), Some(101), 50);
        assert_eq!(
            lines(&moves),
            [
                "from \\ to      100      101    moves",
                "100        40.00 %  10.00 %  10.00 %",
                "101              .  50.00 %        .",
                "gain             .  10.00 %  10.00 %",
            ]
        );
    }

    #[test]
    fn many_marks_are_folded_and_no_flow_is_lost() {
        let mut moves = Moves::default();
        for mark in 0..70 {
            moves.add(Some(mark), Some(70), 1);
            moves.add(Some(mark), Some(mark), 1);
        }
        let lines = lines(&moves);
        assert!(lines.len() < 35, "{}", lines.len());
        assert!(lines
            .iter()
            .any(|line| line.starts_with("62 others") && line.ends_with("44.29 %")));
        assert!(lines
            .iter()
            .any(|line| line.starts_with("70 ") && line.ends_with("50.00 %")));
    }

    #[test]
    fn shares_near_0_and_all_have_more_decimals() {
        for (share, text) in [
            (0.0, "0.00 %"),
            (0.0141, "1.41 %"),
            (0.000_01, "0.001000 %"),
            (0.999_999, "99.999900 %"),
            (1.0, "100.00 %"),
        ] {
            assert_eq!(percent(share), text);
        }
    }
}
