// SPDX-License-Identifier: GPL-2.0-only

//! Text as SVG has it: without markup, and in lines, which SVG itself does not make.

/// The most lines that a text is wrapped into.
const MOST_LINES: usize = 3;

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
pub fn wrapped(text: &str, room: f64, size: f64) -> Vec<String> {
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
