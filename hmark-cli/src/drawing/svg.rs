// SPDX-License-Identifier: GPL-2.0-only

//! Elements of SVG, written by hand: boxes, lines and text, in the style of the drawings in docs/, which
//! Graphviz makes.

mod wrap;

use std::fmt::Write;

use wrap::{escaped, wrapped};

/// Colours of lines: of boxes, of what nothing is sent by, of ways, and of what is wrong.
pub const BORDER: &str = "#57606a";
pub const FAINT: &str = "#b0b8c0";
pub const WAY: &str = "#0969da";
pub const WRONG: &str = "#bc4c00";

const TEXT: &str = "#1f2328";
const FONT: &str = "Helvetica,Arial,sans-serif";

/// The room on each side of the text in a box, and above and below it, in pixels.
const SIDE: f64 = 6.0;
const ABOVE: f64 = 6.0;

/// The length of the head of an arrow in pixels.
const HEAD: f64 = 8.0;

/// A line of text, with its size in pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub text: String,
    pub size: f64,
    pub colour: &'static str,
}

/// A box with text.
#[derive(Clone, Debug)]
pub struct Block {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    pub fill: &'static str,
    /// Whether an error was found there, a warning, or nothing.
    pub is_wrong: Option<bool>,
    pub lines: Vec<Line>,
    /// All of the text, which readers see when they point at the box.
    pub title: String,
}

impl Block {
    /// A box of a column, as high as its text.
    pub fn new((x, width): (f64, f64), fill: &'static str) -> Self {
        Self {
            x,
            y: 0.0,
            width,
            height: 2.0 * ABOVE,
            fill,
            is_wrong: None,
            lines: Vec::new(),
            title: String::new(),
        }
    }

    /// Adds a text, wrapped to the box.
    pub fn add(&mut self, text: &str, size: f64, colour: Option<&'static str>) {
        for text in wrapped(text, self.width - 2.0 * SIDE, size) {
            let colour = colour.unwrap_or(TEXT);
            self.height += size * 1.25;
            self.lines.push(Line { text, size, colour });
        }
    }

    /// The height of its middle.
    pub fn middle(&self) -> f64 {
        self.y + self.height / 2.0
    }

    /// Puts its middle at a height.
    pub fn centre(&mut self, middle: f64) {
        self.y = middle - self.height / 2.0;
    }

    /// Its right and its left side's middle.
    pub fn right(&self) -> (f64, f64) {
        (self.x + self.width, self.middle())
    }

    pub fn left(&self) -> (f64, f64) {
        (self.x, self.middle())
    }

    /// Writes it.
    pub fn draw(&self, class: &str, out: &mut String) {
        let (stroke, width, dashes) = match self.is_wrong {
            None => (BORDER, 1.0, ""),
            Some(true) => (WRONG, 2.6, ""),
            Some(false) => (WRONG, 1.4, " stroke-dasharray=\"5,2\""),
        };
        let title = escaped(&self.title);
        let _ = writeln!(out, "<g class=\"{class}\"><title>{title}</title>");
        let _ = writeln!(
            out,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"8\" fill=\"{}\" \
             stroke=\"{stroke}\" stroke-width=\"{width}\"{dashes}/>",
            self.x, self.y, self.width, self.height, self.fill
        );
        let mut y = self.y + ABOVE;
        for line in &self.lines {
            text(
                line,
                self.x + self.width / 2.0,
                y + line.size,
                "middle",
                out,
            );
            y += line.size * 1.25;
        }
        out.push_str("</g>\n");
    }
}

/// Writes a line of text whose base line is at a height.
pub fn text(line: &Line, x: f64, y: f64, anchor: &str, out: &mut String) {
    let Line { text, size, colour } = line;
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" font-family=\"{FONT}\" font-size=\"{size}\" fill=\"{colour}\" \
         text-anchor=\"{anchor}\">{}</text>",
        escaped(text)
    );
}

/// Writes a text from a place on, wrapped to a width, and returns the height below it.
pub fn paragraph(all: &str, (x, y): (f64, f64), width: f64, size: f64, out: &mut String) -> f64 {
    let mut y = y;
    for line in wrapped(all, width, size) {
        y += size * 1.3;
        let colour = TEXT;
        let line = Line {
            text: line,
            size,
            colour,
        };
        text(&line, x, y, "start", out);
    }
    y
}

/// Writes an arrow: of a way, of one that something is wrong with, or of one that nothing is sent by.
pub fn arrow(from: (f64, f64), to: (f64, f64), colour: &'static str, out: &mut String) {
    let (width, more) = match colour {
        WAY => ("2.6", " marker-end=\"url(#way)\""),
        WRONG => (
            "2.6",
            " stroke-dasharray=\"5,2\" marker-end=\"url(#wrong)\"",
        ),
        _ => ("1.4", ""),
    };
    // The head is drawn from the end of the line on, and is as long as this.
    let head = if width == "1.4" { 0.0 } else { HEAD };
    let (across, down) = (to.0 - from.0, to.1 - from.1);
    let part = head / across.hypot(down).max(head).max(1.0);
    let _ = writeln!(
        out,
        "<path fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"{more} \
         d=\"M{:.1},{:.1} L{:.1},{:.1}\"/>",
        from.0,
        from.1,
        to.0 - across * part,
        to.1 - down * part
    );
}

/// Writes a line without a head.
pub fn line(from: (f64, f64), to: (f64, f64), colour: &'static str, out: &mut String) {
    let _ = writeln!(
        out,
        "<path fill=\"none\" stroke=\"{colour}\" stroke-width=\"2.6\" d=\"M{:.1},{:.1} L{:.1},{:.1}\"/>",
        from.0, from.1, to.0, to.1
    );
}

/// Writes a bar that lines join at, as networks have in docs/, from a height to another one.
pub fn bar(x: f64, from: f64, to: f64, out: &mut String) {
    let _ = writeln!(
        out,
        "<rect class=\"bar\" x=\"{:.1}\" y=\"{from:.1}\" width=\"6\" height=\"{:.1}\" fill=\"#b0b8c0\"/>",
        x - 3.0,
        (to - from).max(0.0)
    );
}

/// A whole drawing: its size in pixels, and its elements.
pub fn document(width: f64, height: f64, title: &str, elements: &str) -> String {
    let head = |id: &str, colour: &str| {
        format!(
            "<marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"0\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
             markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0,0.5 L8,4 L0,7.5 z\" fill=\"{colour}\"/>\
             </marker>"
        )
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg width=\"{width}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width} {height:.0}\" xmlns=\"http://www.w3.org/2000/svg\">\n<title>{}</title>\n\
         <defs>{}{}</defs>\n<rect width=\"{width}\" height=\"{height:.0}\" fill=\"white\"/>\n{elements}</svg>\n",
        escaped(title),
        head("way", WAY),
        head("wrong", WRONG)
    )
}
