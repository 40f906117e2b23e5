// SPDX-License-Identifier: GPL-2.0-only

//! The numbers of a plan: marks, preferences, tables and the protocol.

use toml::Spanned;

use super::super::file::File;
use super::super::marks::{above, Marks};
use super::super::mistake::{Lines, Mistake};
use super::super::tree::LINEAR;
use super::gateways::MOST;
use crate::routing::PROTOCOL;

/// The first preference, and the first table and nexthop object, unless the file says so.
const DEFAULT: u32 = 7200;

/// The preference of the rule for the main table.
const MAIN: u32 = 32766;

/// Checks offset and mask.
///
/// # Errors
///
/// Marks outside the mask, the mark 0 for a gateway, or, where there is a tree, marks in no block.
pub fn marks(file: &File, lines: Lines<'_>) -> Result<Marks, Mistake> {
    let mask = file.mask.as_ref().map(|mask| *mask.as_ref());
    if let (Some(mask), Some(bits)) = (&file.mask, mask) {
        let has_holes = bits == 0
            || bits.wrapping_shr(bits.trailing_zeros()).leading_zeros()
                != 32_u32.saturating_sub(bits.count_ones());
        if has_holes {
            let sentence = "mask: give one run of ones in binary, such as 0x3f00";
            return Err(lines.mistake(mask, sentence));
        }
    }
    let mask = mask.filter(|mask| *mask != u32::MAX);
    let given = file.offset.as_ref().map(|offset| *offset.as_ref());
    let marks = Marks {
        first: given.unwrap_or(Marks::default_first(mask)),
        mask,
        count: u32::try_from(file.gateways.len()).unwrap_or(u32::MAX),
    };
    let place = |sentence: String| match (&file.offset, &file.mask) {
        (Some(value), _) | (None, Some(value)) => lines.mistake(value, sentence),
        (None, None) => Mistake { line: 0, sentence },
    };
    let (first, bits, count) = (marks.first, marks.bits(), marks.count);
    if first & !bits != 0 {
        let step = 1_u32.wrapping_shl(marks.shift());
        return Err(place(format!(
            "offset: {first:#x} has bits outside the mask {bits:#x}: give a multiple of {step:#x} up to \
             {bits:#x}"
        )));
    }
    if first == 0 {
        let right = right(&marks);
        return Err(place(format!(
            "offset: the first gateway would have the mark 0, as all other packets: {right}"
        )));
    }
    if marks.overflow() {
        let right = right(&marks);
        return Err(place(format!(
            "offset: {count} marks from {first:#x} on leave the mask {bits:#x}: {right}"
        )));
    }
    if count > LINEAR && marks.block().is_none() {
        let last = marks.mark(count.saturating_sub(1));
        let right = right(&marks);
        return Err(place(format!(
            "offset: the marks {first:#x} to {last:#x} are in no aligned block without the mark 0, by \
             which a guard tells other packets apart: {right}"
        )));
    }
    Ok(marks)
}

/// A first mark, or a mask, that would be right.
fn right(marks: &Marks) -> String {
    if let Some(first) = marks.aligned() {
        return format!("give offset = {first:#x}");
    }
    // One bit for the block, and as many as count its marks.
    let bits = marks
        .count
        .saturating_sub(1)
        .max(1)
        .ilog2()
        .saturating_add(2);
    let mask = u32::MAX
        .checked_shl(marks.shift())
        .filter(|_| marks.shift().saturating_add(bits) <= 32)
        .map(|mask| {
            mask & !above(1_u32.wrapping_shl(marks.shift().saturating_add(bits).saturating_sub(1)))
        });
    match mask {
        Some(mask) => format!("give mask = {mask:#x}, without an offset"),
        None => format!("give a mask of {bits} bits, without an offset"),
    }
}

/// Checks the first preference.
///
/// # Errors
///
/// If the rules would not all come before that of the main table.
pub fn preference(file: &File, lines: Lines<'_>, marks: &Marks) -> Result<u32, Mistake> {
    // A tree has fewer nodes than leaves, a guard and an end.
    let rules = marks.count.saturating_mul(2).saturating_add(2);
    let last = MAIN.saturating_sub(rules);
    let given = file.preference.as_ref();
    match given.filter(|given| !(1..=last).contains(given.as_ref())) {
        Some(given) => Err(lines.mistake(
            given,
            format!("preference: give 1 to {last}: up to {rules} rules must come before that of the main table, {MAIN}"),
        )),
        None => Ok(given.map_or(DEFAULT, |given| *given.as_ref())),
    }
}

/// Checks the first table, which is the first nexthop object, too.
///
/// # Errors
///
/// If a table would be the main or local one, or none.
pub fn table(file: &File, lines: Lines<'_>) -> Result<u32, Mistake> {
    let Some(given) = &file.table else {
        return Ok(DEFAULT);
    };
    let count = file.gateways.len();
    let first = *given.as_ref();
    let most = u32::try_from(MOST).unwrap_or(u32::MAX);
    let last = u32::try_from(count)
        .ok()
        .and_then(|count| first.checked_add(count.saturating_sub(1)));
    // 0 is no table, 253 to 255 are default, main and local; nexthop objects have a second block.
    let is_fine =
        |last: u32| first != 0 && (last < 253 || first > 255) && last.checked_add(most).is_some();
    match last.is_some_and(is_fine) {
        true => Ok(first),
        false => Err(lines.mistake(
            given,
            format!("table: {count} tables from {first} on include 0, 253 to 255, or none that exist: give 256 or more"),
        )),
    }
}

/// Checks the routing protocol.
///
/// # Errors
///
/// If the kernel, or a daemon that is known, has it.
pub fn protocol(file: &File, lines: Lines<'_>) -> Result<u32, Mistake> {
    let taken = |number: u32| matches!(number, 0..=18 | 42 | 99 | 186..=189 | 192 | 256..);
    let given: Option<&Spanned<u32>> = file.protocol.as_ref();
    match given.filter(|given| taken(*given.as_ref())) {
        Some(given) => Err(lines.mistake(
            given,
            "protocol: give a number from 19 to 255 that no routing daemon has (see \
             /etc/iproute2/rt_protos)",
        )),
        None => Ok(given.map_or(PROTOCOL, |given| *given.as_ref())),
    }
}
