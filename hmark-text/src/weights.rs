// SPDX-License-Identifier: GPL-2.0-only

//! Lists of weights of marks, in per cent of a full share: `12=50,35=0,64-69=25`.

use core::ops::RangeInclusive;

use hmark::rule::v1::{FULL_WEIGHT, WEIGHTS};

use crate::line::Line;
use crate::number;
use crate::options::Row;

/// The most bytes of a value that iptables-restore takes. It has 1023, and a list of 256 weights may have
/// more: then the option is saved once more.
const LONGEST: usize = 1000;

/// Stands for a weight of 100 that was given, until the rule is complete: none may be given twice.
const GIVEN_FULL: u8 = u8::MAX;

/// Adds a list to what is missing from a full weight of each mark. [`complete`] must follow.
///
/// # Errors
///
/// The first element that is wrong, or gives a mark a second weight. Nothing has then changed.
pub fn read<'v>(list: &'v [u8], less: &mut [u8; WEIGHTS]) -> Result<(), &'v [u8]> {
    let mut read = *less;
    for element in list.split(|&byte| byte == b',') {
        add(element, &mut read).ok_or(element)?;
    }
    *less = read;
    Ok(())
}

/// The mistake in an element of a list.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// It does not look like `12=50` or `12-15=50`.
    Form,
    /// The weight is no whole number up to 100.
    Weight,
    /// A range ends before it begins.
    Order,
    /// There is no such mark.
    Mark,
    /// A mark has a weight already.
    Second,
}

/// The mistake in an element that [`read`] refused.
pub fn fault(element: &[u8]) -> Fault {
    parse(element).err().unwrap_or(Fault::Second)
}

/// Adds an element of a list.
fn add(element: &[u8], less: &mut [u8; WEIGHTS]) -> Option<()> {
    let (marks, missing) = parse(element).ok()?;
    let marks = less.get_mut(marks)?;
    if marks.iter().any(|&less| less != 0) {
        return None;
    }
    marks.fill(match missing {
        0 => GIVEN_FULL,
        missing => missing,
    });
    Some(())
}

/// The marks of an element, and what they lack of a full weight.
fn parse(element: &[u8]) -> Result<(RangeInclusive<usize>, u8), Fault> {
    let (marks, weight) = split(element, b'=').ok_or(Fault::Form)?;
    let (first, last) = split(marks, b'-').unwrap_or((marks, marks));
    let place = |digits| number::digits(digits).ok_or(Fault::Form);
    let [first, last] = [place(first)? as usize, place(last)? as usize];
    let weight = number::digits(weight).and_then(|weight| u8::try_from(weight).ok());
    let missing = weight.and_then(|weight| FULL_WEIGHT.checked_sub(weight));
    let missing = missing.ok_or(Fault::Weight)?;
    match (first, last) {
        _ if first > last => Err(Fault::Order),
        _ if last >= WEIGHTS => Err(Fault::Mark),
        _ => Ok((first..=last, missing)),
    }
}

/// The parts before and after the first such byte.
fn split(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = text.iter().position(|&byte| byte == at)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// The first mark from `marks` on that was given a weight.
pub fn given_from(marks: u32, less: &[u8; WEIGHTS]) -> Option<u32> {
    let mut places = (0..).zip(less).skip(marks as usize);
    places.find(|&(_, &less)| less != 0).map(|(mark, _)| mark)
}

/// Drops full weights, which are the default. Gives whether others are left.
pub fn complete(less: &mut [u8; WEIGHTS]) -> bool {
    let full = less.iter_mut().filter(|less| **less == GIVEN_FULL);
    full.for_each(|less| *less = 0);
    less.iter().any(|&less| less != 0)
}

/// Writes the weights that are not full, neighbours of one weight as a range. Where the value of the
/// saved `option` would become too long, the option is written again in place of a comma.
pub fn write(less: &[u8; WEIGHTS], option: Option<&Row>, line: &mut Line) {
    let mut start = line.len();
    let mut marks = (0..).zip(less).peekable();
    let mut is_first = true;
    while let Some((first, missing)) = marks.next() {
        let mut last = first;
        while let Some((mark, _)) = marks.next_if(|(_, next)| *next == missing) {
            last = mark;
        }
        if *missing == 0 {
            continue;
        }
        match option {
            Some(option) if line.len() - start > LONGEST => {
                start = option.write_name(line).text(" ").len();
            }
            _ if is_first => {}
            _ => {
                line.text(",");
            }
        }
        is_first = false;
        line.decimal(first);
        if last != first {
            line.text("-").decimal(last);
        }
        let weight = FULL_WEIGHT.saturating_sub(*missing);
        line.text("=").decimal(weight.into());
    }
}
