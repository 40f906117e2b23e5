// SPDX-License-Identifier: GPL-2.0-only

//! Charts of shares: a bar for each mark, with a line where it is expected to end.

use anyhow::{anyhow, Result};
use plotters::prelude::*;

/// Colours that colour-blind readers can tell apart: those of bars, of what was expected, and of text.
const BAR: RGBColor = RGBColor(0x56, 0xb4, 0xe9);
const EXPECTED: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
const TEXT: RGBColor = RGBColor(0x33, 0x33, 0x33);

/// Pixels: the chart's width, the space above the bars, to the right of them, and for each of them.
const WIDTH: i32 = 820;
const TOP: i32 = 76;
const RIGHT: i32 = 150;
const STEP: i32 = 20;

/// The thickness of a bar, and the width of a letter of its name, in pixels.
const THICKNESS: i32 = 13;
const LETTER: i32 = 7;

/// The most letters of a name.
const MOST_LETTERS: usize = 40;

/// The most bars of a chart.
pub const MOST_BARS: usize = 1000;

/// A bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// The name to its left.
    pub name: String,
    /// The share that it is as long as, 0 to 1.
    pub share: f64,
    /// The share that was expected, 0 to 1.
    pub expected: Option<f64>,
    /// The text to its right.
    pub label: String,
}

/// A chart as SVG, of the first [`MOST_BARS`] bars.
///
/// # Errors
/// If it cannot be drawn.
pub fn chart(title: &str, subtitle: &str, bars: &[Bar]) -> Result<String> {
    let bars = bars.get(..MOST_BARS).unwrap_or(bars);
    let count = i32::try_from(bars.len())?;
    let height = TOP
        .saturating_add(STEP.saturating_mul(count))
        .saturating_add(20);
    let mut svg = String::new();
    let size = (u32::try_from(WIDTH)?, u32::try_from(height)?);
    draw(&mut svg, size, title, subtitle, bars).map_err(|error| anyhow!("cannot draw: {error}"))?;
    Ok(svg)
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw(svg: &mut String, size: (u32, u32), title: &str, subtitle: &str, bars: &[Bar]) -> Drawn {
    let name = |bar: &Bar| bar.name.chars().take(MOST_LETTERS).collect::<String>();
    let letters = bars.iter().map(|bar| name(bar).chars().count()).max();
    let left = 24 + LETTER * i32::try_from(letters.unwrap_or(0))?;
    let shares = bars
        .iter()
        .map(|bar| bar.share.max(bar.expected.unwrap_or(0.0)));
    let most = shares.fold(f64::MIN_POSITIVE, f64::max);
    let end = |share: f64| left + (share / most * f64::from(WIDTH - left - RIGHT)) as i32;

    let root = SVGBackend::with_string(svg, size).into_drawing_area();
    root.fill(&WHITE)?;
    let text = |text: String, x: i32, y: i32, size: i32| {
        let font = ("sans-serif", size).into_font().color(&TEXT);
        root.draw(&Text::new(text, (x, y), font))
    };
    let block = |from: (i32, i32), to: (i32, i32), colour: RGBColor| {
        root.draw(&Rectangle::new([from, to], colour.filled()))
    };
    text(title.to_owned(), 12, 10, 18)?;
    text(subtitle.to_owned(), 12, 34, 12)?;
    let key = 54;
    block((12, key), (12 + THICKNESS, key + THICKNESS), BAR)?;
    text("share of flows".to_owned(), 12 + THICKNESS + 6, key, 12)?;
    if bars.iter().any(|bar| bar.expected.is_some()) {
        block((142, key - 1), (145, key + THICKNESS + 1), EXPECTED)?;
        text("expected".to_owned(), 152, key, 12)?;
    }
    for (index, bar) in (0i32..).zip(bars) {
        let y = TOP + STEP * index;
        text(name(bar), 12, y, 13)?;
        block((left, y), (end(bar.share), y + THICKNESS), BAR)?;
        if let Some(expected) = bar.expected {
            let x = end(expected);
            block((x - 1, y - 1), (x + 2, y + THICKNESS + 1), EXPECTED)?;
        }
        let longest = bar.share.max(bar.expected.unwrap_or(0.0));
        text(bar.label.clone(), end(longest) + 7, y, 11)?;
    }
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(name: &str, share: f64, expected: Option<f64>) -> Bar {
        Bar {
            name: name.to_owned(),
            share,
            expected,
            label: format!("{name} & more"),
        }
    }

    #[test]
    fn bars_are_as_long_as_their_shares() {
        let bars = [bar("100", 0.5, Some(0.25)), bar("101", 0.25, None)];
        let svg = chart("Title <1>", "subtitle", &bars).unwrap();
        // A bar's width is in its rectangle, and the longest one ends at the right margin.
        let left = 24 + LETTER * 3;
        let room = WIDTH - left - RIGHT;
        for (width, count) in [(room, 1), (room / 2, 1)] {
            let part = format!("width=\"{width}\" height=\"{THICKNESS}\"");
            assert_eq!(svg.matches(&part).count(), count, "{part} in {svg}");
        }
        // The key, and the mark of one bar.
        assert_eq!(svg.matches("#D55E00").count(), 2);
        assert!(svg.contains("Title &lt;1&gt;") && svg.contains("101 &amp; more"));
    }

    #[test]
    fn nothing_and_much_can_be_drawn() {
        assert!(chart("", "", &[]).unwrap().starts_with("<svg"));
        let many = vec![bar("1", 0.0, None); MOST_BARS + 1];
        assert_eq!(
            chart("", "", &many)
                .unwrap()
                .matches("1 &amp; more")
                .count(),
            MOST_BARS
        );
        let odd = [bar(&"x".repeat(500), f64::NAN, Some(f64::INFINITY))];
        assert!(chart("", "", &odd).is_ok());
    }
}
