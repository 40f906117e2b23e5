// SPDX-License-Identifier: GPL-2.0-only

//! Elements of SVG, written by hand: boxes, lines and text, in the style of the drawings in docs/, which
//! Graphviz makes.

use std::fmt::Write;

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

/// The most lines that a text is wrapped into.
const MOST_LINES: usize = 3;

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

/// A text as XML has it. Characters that XML 1.0 forbids (section 2.2), and those that change the direction
/// of other text, are replaced.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push('\n'),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.push('\u{fffd}');
            }
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            letter if letter.is_control() => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

/// The width of a letter of size 1: a little more than Helvetica's, since readers may have another font.
fn width(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | ' ' | 't' | 'f' | '/' => 0.3,
        'r' | '-' | '(' | ')' | '[' | ']' | '"' => 0.38,
        'm' | 'w' | '%' | '@' => 0.88,
        'A'..='Z' => 0.74,
        ' '..='~' => 0.59,
        _ => 1.0,
    }
}

/// A text in lines of a width; a long word is broken, and the end of a very long text left out.
fn wrapped(text: &str, room: f64, size: f64) -> Vec<String> {
    let room = room / size;
    let mut lines = Vec::new();
    // The line, its width, and the place after the last letter that a line may end with.
    let (mut line, mut used, mut end) = (String::new(), 0.0, 0);
    let mut before = ' ';
    // Pixels for more than that are not there.
    let mut letters = text.chars().take(1000).peekable();
    while let Some(letter) = letters.next() {
        if used + width(letter) > room && !line.is_empty() {
            let rest = match end {
                0 => String::new(),
                end => line.split_off(end),
            };
            lines.push(line.trim_end().to_owned());
            used = rest.chars().map(width).sum();
            (line, end) = (rest, 0);
            if lines.len() == MOST_LINES {
                if let Some(last) = lines.last_mut() {
                    last.pop();
                    last.push('…');
                }
                return lines;
            }
        }
        line.push(letter);
        used += width(letter);
        // The hyphens of an option stay with it.
        let is_end = match letter {
            // A number stays with its sign.
            ' ' => letters.peek() != Some(&'%'),
            ':' | ',' => true,
            '-' => before.is_alphanumeric(),
            _ => false,
        };
        if is_end {
            end = line.len();
        }
        before = letter;
    }
    lines.push(line.trim_end().to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        let text = "<a href='x'>&\"\0\u{1b}[31m\u{202e}\u{ffff}";
        let shown = escaped(text);
        assert_eq!(
            shown,
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot;\u{fffd}\u{fffd}[31m\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn long_texts_are_wrapped_and_cut() {
        let address = "2001:db8:1234:5678:9abc:def0:1234:5678";
        let lines = wrapped(address, 160.0, 13.0);
        assert_eq!((lines.len(), lines.concat().as_str()), (2, address));
        let lines = wrapped(&"x".repeat(5000), 160.0, 13.0);
        assert!(lines.len() == MOST_LINES && lines[2].ends_with('…'));
        assert_eq!(wrapped("", 160.0, 13.0), [""]);
        assert_eq!(wrapped("ab", 0.0, 13.0).concat(), "ab");
    }
}
