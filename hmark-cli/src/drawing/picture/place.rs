// SPDX-License-Identifier: GPL-2.0-only

//! The places of boxes in their columns, and the lines between columns.

use super::fold::Group;
use crate::drawing::svg::{arrow, bar, line, Block, WAY};

/// The space between boxes in pixels.
pub const GAP: f64 = 8.0;

/// Draws lines from all boxes to all ends: by a bar if there are several of both.
pub fn join(blocks: &[Block], ends: Vec<((f64, f64), &'static str)>, out: &mut String) {
    let starts: Vec<(f64, f64)> = blocks.iter().map(Block::right).collect();
    let (Some(start), Some((end, _))) = (starts.first(), ends.first()) else {
        return;
    };
    if starts.len() == 1 || ends.len() == 1 {
        for from in &starts {
            for (to, colour) in &ends {
                arrow(*from, *to, colour, out);
            }
        }
        return;
    }
    let middle = (start.0 + end.0) / 2.0;
    let heights = || {
        starts
            .iter()
            .chain(ends.iter().map(|(end, _)| end))
            .map(|(_, y)| *y)
    };
    let (least, most) = (
        heights().fold(f64::MAX, f64::min),
        heights().fold(f64::MIN, f64::max),
    );
    bar(middle, least - GAP, most + GAP, out);
    for (x, y) in &starts {
        line((*x, *y), (middle, *y), WAY, out);
    }
    for ((x, y), colour) in &ends {
        arrow((middle, *y), (*x, *y), colour, out);
    }
}

/// The height of boxes below each other, with the space between them.
pub fn stacked(blocks: &[Block]) -> f64 {
    blocks.iter().map(|block| block.height + GAP).sum()
}

/// Puts boxes below each other, in the middle of a height.
pub fn stack(blocks: &mut [Block], top: f64, height: f64) {
    let mut y = top + (height - stacked(blocks)) / 2.0;
    for block in blocks {
        block.y = y + GAP / 2.0;
        y += block.height + GAP;
    }
}

/// Puts boxes, of which there are no more than rows, near the middle of their rows, a row or more apart.
pub fn spread(blocks: &mut [Block], groups: &[Group], row: impl Fn(f64) -> f64, rows: usize) {
    let mut places: Vec<f64> = groups.iter().map(|group| group.place).collect();
    let mut least = 0.0;
    for place in &mut places {
        *place = place.max(least);
        least = *place + 1.0;
    }
    let mut most = rows as f64 - 1.0;
    for place in places.iter_mut().rev() {
        *place = place.min(most);
        most = *place - 1.0;
    }
    for (block, place) in blocks.iter_mut().zip(places) {
        block.centre(row(place));
    }
}
