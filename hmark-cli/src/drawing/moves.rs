// SPDX-License-Identifier: GPL-2.0-only

//! A drawing of moves: for each mark a bar of the flows that stay, those that it gains, and those that it
//! loses.

use anyhow::{anyhow, Result};
use plotters::prelude::*;

use crate::change::Moves;

/// Colours that colour-blind readers can tell apart: those of flows that stay, come and go, and of text.
const STAY: RGBColor = RGBColor(0x99, 0x99, 0x99);
const GAIN: RGBColor = RGBColor(0x56, 0xb4, 0xe9);
const LOSE: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
const TEXT: RGBColor = RGBColor(0x33, 0x33, 0x33);

/// Pixels: the drawing's width, the space above, to the left and to the right of the bars, and for each.
const WIDTH: i32 = 820;
const TOP: i32 = 76;
const LEFT: i32 = 110;
const RIGHT: i32 = 170;
const STEP: i32 = 20;

/// The thickness of a bar in pixels.
const THICKNESS: i32 = 13;

/// The most bars: those of the marks with the greatest moves.
pub const MOST_BARS: usize = 300;

/// Draws moves as SVG.
///
/// # Errors
///
/// If they cannot be drawn.
pub fn drawing(title: &str, subtitle: &str, moves: &Moves) -> Result<String> {
    let sums = moves.sums();
    let mut rows: Vec<Row> = moves
        .turnover()
        .iter()
        .zip(sums.values())
        .map(|((mark, (loses, gains)), (had, _))| Row {
            name: mark.map_or("unmarked".to_owned(), |mark| mark.to_string()),
            stays: share(had.saturating_sub(*loses), moves),
            gains: share(*gains, moves),
            loses: share(*loses, moves),
        })
        .collect();
    if rows.len() > MOST_BARS {
        rows.sort_by(|one, other| other.turnover().total_cmp(&one.turnover()));
        rows.truncate(MOST_BARS);
    }
    let count = i32::try_from(rows.len())?;
    let height = TOP
        .saturating_add(STEP.saturating_mul(count))
        .saturating_add(20);
    let mut svg = String::new();
    let size = (u32::try_from(WIDTH)?, u32::try_from(height)?);
    draw(&mut svg, size, title, subtitle, &rows)
        .map_err(|error| anyhow!("cannot draw: {error}"))?;
    Ok(svg)
}

struct Row {
    name: String,
    stays: f64,
    gains: f64,
    loses: f64,
}

impl Row {
    fn turnover(&self) -> f64 {
        self.gains.max(self.loses)
    }
}

fn share(flows: u64, moves: &Moves) -> f64 {
    flows as f64 / moves.flows().max(1) as f64
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw(svg: &mut String, size: (u32, u32), title: &str, subtitle: &str, rows: &[Row]) -> Drawn {
    let longest = rows.iter().map(|row| row.stays + row.gains + row.loses);
    let longest = longest.fold(f64::MIN_POSITIVE, f64::max);
    let width = |share: f64| (share / longest * f64::from(WIDTH - LEFT - RIGHT)) as i32;
    let root = SVGBackend::with_string(svg, size).into_drawing_area();
    root.fill(&WHITE)?;
    let text = |text: String, x: i32, y: i32, size: i32| {
        let font = ("sans-serif", size).into_font().color(&TEXT);
        root.draw(&Text::new(text, (x, y), font))
    };
    let block = |x: i32, y: i32, width: i32, colour: RGBColor| {
        root.draw(&Rectangle::new(
            [(x, y), (x + width, y + THICKNESS)],
            colour.filled(),
        ))
    };
    text(title.to_owned(), 12, 10, 18)?;
    text(subtitle.to_owned(), 12, 34, 12)?;
    for (x, colour, name) in [
        (12, STAY, "flows that stay"),
        (142, GAIN, "that come"),
        (242, LOSE, "that go"),
    ] {
        block(x, 54, THICKNESS, colour)?;
        text(name.to_owned(), x + THICKNESS + 6, 54, 12)?;
    }
    for (index, row) in (0i32..).zip(rows) {
        let y = TOP + STEP * index;
        text(row.name.clone(), 12, y, 13)?;
        let mut x = LEFT;
        for (share, colour) in [(row.stays, STAY), (row.gains, GAIN), (row.loses, LOSE)] {
            block(x, y, width(share), colour)?;
            x += width(share);
        }
        let label = format!("+{:.2} % -{:.2} %", row.gains * 100.0, row.loses * 100.0);
        text(label, x + 7, y, 11)?;
    }
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_what_stays_comes_and_goes() {
        let mut moves = Moves::default();
        moves.add(Some(100), Some(100), 50);
        moves.add(Some(100), Some(101), 50);
        let svg = drawing("Title <1>", "", &moves).unwrap();
        let half = (WIDTH - LEFT - RIGHT) / 2;
        let part = format!("width=\"{half}\" height=\"{THICKNESS}\"");
        assert_eq!(svg.matches(&part).count(), 3, "{svg}");
        // What goes begins where what stays ends.
        let part = format!("x=\"{}\" y=\"{TOP}\" width=\"{half}\"", LEFT + half);
        assert_eq!(svg.matches(&part).count(), 1, "{svg}");
        assert!(svg.contains("+50.00 % -0.00 %") && svg.contains("+0.00 % -50.00 %"));
        assert!(svg.contains("Title &lt;1&gt;"));
    }

    #[test]
    fn nothing_and_much_can_be_drawn() {
        assert!(drawing("", "", &Moves::default()).is_ok());
        let mut moves = Moves::default();
        for mark in 0..1000 {
            moves.add(Some(mark), None, 1);
        }
        assert_eq!(
            drawing("", "", &moves)
                .unwrap()
                .matches("+0.00 % -0.10 %")
                .count(),
            MOST_BARS - 1
        );
    }
}
