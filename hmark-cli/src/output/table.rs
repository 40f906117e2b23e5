// SPDX-License-Identifier: GPL-2.0-only

//! Tables as text, for terminals and pipes alike.

/// The side of a column that its entries begin at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// The lines of a table: each column is as wide as its widest entry, and a column without an entry is left
/// out.
pub fn lines(columns: &[(&str, Side)], rows: &[Vec<String>]) -> Vec<String> {
    let entry = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
    let mut shown = Vec::new();
    for (column, (title, side)) in columns.iter().enumerate() {
        let widths = rows.iter().map(|row| entry(row, column).chars().count());
        let widest = widths.max().unwrap_or(0);
        if widest > 0 {
            shown.push((column, *title, *side, widest.max(title.chars().count())));
        }
    }
    let line = |entry_of: &dyn Fn(usize, &str) -> String| {
        let mut line = String::new();
        for (column, title, side, width) in &shown {
            let entry = entry_of(*column, title);
            if !line.is_empty() {
                line.push_str("  ");
            }
            line.push_str(&match side {
                Side::Left => format!("{entry:<width$}"),
                Side::Right => format!("{entry:>width$}"),
            });
        }
        line.trim_end().to_owned()
    };
    let head = line(&|_, title| title.to_owned());
    let rows = rows.iter().map(|row| line(&|column, _| entry(row, column)));
    std::iter::once(head).chain(rows).collect()
}

/// A bar for a number from 0 to 1, of so many characters at most.
pub fn bar(number: f64, width: usize) -> String {
    let length = (number.clamp(0.0, 1.0) * width as f64).round() as usize;
    "#".repeat(length.min(width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_empty_ones_left_out() {
        let columns = [
            ("mark", Side::Right),
            ("gateway", Side::Left),
            ("flows", Side::Right),
            ("", Side::Left),
        ];
        let row = |entries: &[&str]| entries.iter().map(|&entry| entry.to_owned()).collect();
        let rows = [row(&["1", "", "23456", "##"]), row(&["100", "", "7"])];
        assert_eq!(
            lines(&columns, &rows),
            ["mark  flows", "   1  23456  ##", " 100      7"]
        );
    }

    #[test]
    fn bars_are_as_long_as_their_numbers() {
        for (number, expected) in [
            (0.0, 0),
            (0.04, 0),
            (0.5, 5),
            (1.0, 10),
            (7.0, 10),
            (f64::NAN, 0),
        ] {
            assert_eq!(bar(number, 10).len(), expected, "{number}");
        }
    }
}
