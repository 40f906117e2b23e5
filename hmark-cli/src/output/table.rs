// SPDX-License-Identifier: GPL-2.0-only

//! Tables as text, for terminals and pipes alike.

/// The side of a column that its entries begin at.
pub use comfy_table::CellAlignment as Side;
use comfy_table::{presets, ColumnConstraint, Table};

/// The lines of a table: each column is as wide as its widest entry, and a column without an entry is left
/// out.
pub fn lines(columns: &[(&str, Side)], rows: &[Vec<String>]) -> Vec<String> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(columns.iter().map(|(title, _)| title));
    table.add_rows(rows);
    for (number, (column, (_, side))) in table.column_iter_mut().zip(columns).enumerate() {
        column.set_padding((0, 2)).set_cell_alignment(*side);
        let mut entries = rows.iter().filter_map(|row| row.get(number));
        if entries.all(String::is_empty) {
            column.set_constraint(ColumnConstraint::Hidden);
        }
    }
    table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
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
