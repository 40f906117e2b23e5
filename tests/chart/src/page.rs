// SPDX-License-Identifier: GPL-2.0-only

//! The SVG file that a chart is drawn in: its head, texts, and bars from left to right.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use serde_json::Value;

/// Colour of text.
const TEXT: RGBColor = RGBColor(0x33, 0x33, 0x33);

/// Pixels: the width of a chart, and the thickness of a bar.
pub const WIDTH: i32 = 820;
pub const BAR: i32 = 13;

/// Where the line with the names of colours is.
const LEGEND: i32 = 54;

/// Where bars may begin.
pub const TOP: i32 = 76;

/// A chart that is being drawn.
pub struct Page<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    file: PathBuf,
}

impl<'a> Page<'a> {
    /// Begins a chart of this height, with a title, and the kernel and the machine below it.
    pub fn begin(file: &'a Path, height: i32, title: &str, report: &Value) -> Result<Self> {
        let size = (WIDTH as u32, height as u32);
        let area = SVGBackend::new(file, size).into_drawing_area();
        area.fill(&WHITE)?;
        let page = Self {
            area,
            file: file.to_owned(),
        };
        let word = |name: &str| report[name].as_str().unwrap_or("unknown");
        page.text(title, 12, 10, 18)?;
        let below = format!("Linux {}, {}", word("kernel"), word("machine"));
        page.text(&below, 12, 34, 12)?;
        Ok(page)
    }

    /// Writes a text, whose upper left corner is at this place.
    pub fn text(&self, text: &str, x: i32, y: i32, size: i32) -> Result<()> {
        let font = ("sans-serif", size).into_font().color(&TEXT);
        self.area.draw(&Text::new(text.to_owned(), (x, y), font))?;
        Ok(())
    }

    /// Draws a bar.
    pub fn bar(&self, x: Range<i32>, y: i32, colour: RGBColor) -> Result<()> {
        let ends = [(x.start, y), (x.end, y + BAR)];
        self.area.draw(&Rectangle::new(ends, colour.filled()))?;
        Ok(())
    }

    /// Draws a thin line from top to bottom.
    pub fn line(&self, x: i32, y: Range<i32>) -> Result<()> {
        let ends = vec![(x, y.start), (x, y.end)];
        self.area.draw(&PathElement::new(ends, TEXT))?;
        Ok(())
    }

    /// Names the colours, each with the place of its name.
    pub fn legend(&self, names: &[(i32, RGBColor, &str)]) -> Result<()> {
        for (x, colour, name) in names {
            self.bar(*x..x + BAR, LEGEND, *colour)?;
            self.text(name, x + BAR + 6, LEGEND, 12)?;
        }
        Ok(())
    }

    /// Writes the file.
    pub fn end(self) -> Result<()> {
        let written = self.area.present();
        written.with_context(|| format!("cannot write {}", self.file.display()))
    }
}
