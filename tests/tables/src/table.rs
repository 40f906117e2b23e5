// SPDX-License-Identifier: GPL-2.0-only

//! A mangle table in the layouts that the kernel returns and accepts, and its file.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The name, padded to its field.
const NAME: &[u8; 32] = b"mangle\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// All five hooks, as bits.
const HOOKS: u32 = 0b11111;

/// Length of `struct ipt_getinfo`: the name and the hooks; the offset of each hook's first entry,
/// and of its policy; the number of entries, and their length.
const INFO: usize = 84;

/// Offset of the entries in `struct ipt_get_entries`, after the name and their length.
const GET_ENTRIES: usize = aligned(36);

/// Offsets in `struct ipt_replace` of the parts of a `struct ipt_getinfo`, which have another order
/// here, and of the parts after them.
const REPLACE_NUMBERS: usize = 36;
const REPLACE_OFFSETS: usize = 44;
const REPLACE_COUNT: usize = 84;
const REPLACE_COUNTERS: usize = 88;
const REPLACE_ENTRIES: usize = aligned(REPLACE_COUNTERS + size_of::<usize>());

/// Length of the counters of one entry.
const COUNTERS: usize = 16;

/// Length of `struct xt_standard_target` and `struct xt_error_target`.
const STANDARD_TARGET: usize = aligned(36);
const ERROR_TARGET: usize = 64;

/// The offset of a structure with 64-bit fields that follows this many bytes. They are aligned to 4
/// bytes on i386.
const fn aligned(length: usize) -> usize {
    length.next_multiple_of(align_of::<u64>())
}

/// The verdict of a policy: accept.
const ACCEPT: i32 = -2;

/// The layout of a family's entries.
#[derive(Clone, Copy)]
pub struct Layout {
    /// The length of an entry without a target.
    pub length: usize,
    /// Offset of the entry's lengths without and with its target.
    pub lengths: usize,
}

/// `struct ipt_entry`.
pub const IPV4: Layout = Layout {
    length: aligned(96) + COUNTERS,
    lengths: 88,
};

/// `struct ip6t_entry`.
pub const IPV6: Layout = Layout {
    length: aligned(148) + COUNTERS,
    lengths: 140,
};

/// A table: its `struct ipt_getinfo`, followed by its entries.
pub struct Table(Vec<u8>);

/// Memory in which iptables wants the counters of the entries that it replaced.
pub struct Counters {
    /// The address of the memory.
    pub address: usize,
    /// The length in bytes.
    pub length: usize,
}

impl Table {
    /// The table in a file, or the initial one if there is no such file.
    pub fn load(file: &Path, entry: Layout) -> std::io::Result<Self> {
        match fs::read(file) {
            Ok(bytes) => Ok(Self(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::empty(entry)),
            Err(error) => Err(error),
        }
    }

    /// Writes the table to a file.
    pub fn store(&self, file: &Path) -> std::io::Result<()> {
        fs::write(file, &self.0)
    }

    /// The table with only its policies.
    fn empty(entry: Layout) -> Self {
        let mut entries = Vec::new();
        let mut offsets = Vec::new();
        for _ in 0..HOOKS.count_ones() {
            offsets.extend((entries.len() as u32).to_ne_bytes());
            append(&mut entries, entry, STANDARD_TARGET, b"");
            let verdict = entries.len() - STANDARD_TARGET + 32;
            entries[verdict..verdict + 4].copy_from_slice(&ACCEPT.to_ne_bytes());
        }
        append(&mut entries, entry, ERROR_TARGET, b"ERROR");
        let error_name = entries.len() - ERROR_TARGET + 32;
        entries[error_name..error_name + 5].copy_from_slice(b"ERROR");

        let mut table = NAME.to_vec();
        table.extend(HOOKS.to_ne_bytes());
        table.extend_from_slice(&offsets);
        table.extend_from_slice(&offsets);
        table.extend((HOOKS.count_ones() + 1).to_ne_bytes());
        table.extend((entries.len() as u32).to_ne_bytes());
        table.append(&mut entries);
        Self(table)
    }

    /// Reads a `struct ipt_replace`: the table, and the place for the counters of the table before
    /// it.
    pub fn replaced(value: &[u8]) -> Option<(Self, Counters)> {
        let entries = value.get(REPLACE_ENTRIES..)?;
        if !value.starts_with(NAME) {
            return None;
        }
        let parts = [
            &value[..REPLACE_NUMBERS],
            &value[REPLACE_OFFSETS..REPLACE_COUNT],
            &value[REPLACE_NUMBERS..REPLACE_OFFSETS],
            entries,
        ];
        let count = value[REPLACE_COUNT..].first_chunk().copied()?;
        let address = value[REPLACE_COUNTERS..].first_chunk().copied()?;
        let counters = Counters {
            address: usize::from_ne_bytes(address),
            length: u32::from_ne_bytes(count) as usize * COUNTERS,
        };
        Some((Self(parts.concat()), counters))
    }

    /// Fills a `struct ipt_getinfo`.
    pub fn info(&self, value: &mut [u8]) -> Option<()> {
        fill(value, 0, &self.0[..INFO])
    }

    /// Fills a `struct ipt_get_entries`.
    pub fn entries(&self, value: &mut [u8]) -> Option<()> {
        fill(value, GET_ENTRIES, &self.0[INFO..])
    }
}

/// Writes to the memory that iptables gave for an answer, if it has this length and names the
/// table.
fn fill(value: &mut [u8], at: usize, bytes: &[u8]) -> Option<()> {
    if !value.starts_with(b"mangle\0") || value.len() != at + bytes.len() {
        return None;
    }
    value[at..].copy_from_slice(bytes);
    Some(())
}

/// Adds an entry that any packet matches.
fn append(entries: &mut Vec<u8>, Layout { length, lengths }: Layout, target: usize, name: &[u8]) {
    let mut entry = vec![0; length + target];
    let mut put = |at: usize, bytes: &[u8]| entry[at..][..bytes.len()].copy_from_slice(bytes);
    put(lengths, &(length as u16).to_ne_bytes());
    put(lengths + 2, &((length + target) as u16).to_ne_bytes());
    put(length, &(target as u16).to_ne_bytes());
    put(length + 2, name);
    entries.append(&mut entry);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_table_is_as_long_as_the_kernels() {
        for (layout, entries) in [(IPV4, 936), (IPV6, 1272)] {
            let Table(bytes) = Table::empty(layout);
            assert_eq!(bytes.len(), INFO + entries);
            assert_eq!(bytes[INFO - 4..INFO], (entries as u32).to_ne_bytes());
        }
    }

    #[test]
    fn replacement_is_handed_out_as_it_came() {
        let Table(first) = Table::empty(IPV4);
        let (info, entries) = first.split_at(INFO);
        let (offsets, numbers) = info[REPLACE_NUMBERS..].split_at(REPLACE_COUNT - REPLACE_OFFSETS);
        let mut value = [&info[..REPLACE_NUMBERS], numbers, offsets].concat();
        value.extend(3_u32.to_ne_bytes());
        value.extend(0x1234_usize.to_ne_bytes());
        value.extend(entries);

        let (table, counters) = Table::replaced(&value).unwrap();
        assert_eq!((counters.address, counters.length), (0x1234, 3 * COUNTERS));
        let mut found = vec![0; GET_ENTRIES + entries.len()];
        found[..NAME.len()].copy_from_slice(NAME);
        table.entries(&mut found).unwrap();
        assert_eq!(found[GET_ENTRIES..], *entries);
        assert_eq!(table.0, first);
        assert!(Table::replaced(&[b"nat\0", &value[4..]].concat()).is_none());
    }
}
