// SPDX-License-Identifier: GPL-2.0-only

//! One option of a rule: its value is checked, so that an error can name it, and stored.

use hmark::rule::{flag, Rule};

use crate::ffi::{Family, OptionCall, Wanted};
use crate::options::TUPLE;
use crate::tuple;

/// Puts the option into the rule, or ends iptables with what is wrong with its value.
pub fn parse(call: &mut OptionCall<'_>) {
    match call.flag() {
        TUPLE => selectors(call),
        // libxtables would say that the option is given twice, which it need not be.
        flag if call.gave(flag) => refuse(call, Wanted::Nothing),
        flag @ (flag::SADDR_MASK | flag::DADDR_MASK) => prefix(call, flag),
        flag => number(call, flag),
    }
}

fn selectors(call: &mut OptionCall<'_>) {
    call.read();
    match tuple::parse(call.argument().to_bytes()) {
        // Otherwise the list would silently win over a mask.
        Ok(flags) if call.gave(flags) => refuse(call, Wanted::Nothing),
        Ok(flags) => tuple::select(call.rule(), flags),
        Err(element) => call.refuse(element, Wanted::Selectors),
    }
}

fn prefix(call: &mut OptionCall<'_>, flag: u32) {
    let is_length = call.number(&(0..=call.family().bits())).is_some();
    if !is_length && !call.is_address() {
        refuse(call, Wanted::Prefix);
    }
    call.read();
    let (mut mask, has_length) = call.netmask();
    // A number that is too large for a length is read as an address, 33 as 0.0.0.33; and up to
    // iptables 1.8.10 any netmask that has no length is read as all ones.
    let number = !call
        .argument()
        .to_bytes()
        .iter()
        .any(|byte| matches!(byte, b'.' | b':'));
    if !has_length && (number || mask == [u32::MAX; 4]) {
        refuse(call, Wanted::Prefix);
    }
    if !has_length && call.family() == Family::Ipv4 {
        mask[1..].fill(0);
    }
    let rule = call.rule();
    rule.flags |= flag;
    match flag {
        flag::SADDR_MASK => rule.src_mask = mask,
        _ => rule.dst_mask = mask,
    }
}

fn number(call: &mut OptionCall<'_>, flag: u32) {
    let range = call.range();
    let Some(number) = call.number(&range) else {
        refuse(call, Wanted::Number(range));
    };
    call.read();
    store(call.rule(), flag, number);
}

fn refuse(call: &OptionCall<'_>, wanted: Wanted) -> ! {
    call.refuse(call.argument().to_bytes(), wanted)
}

/// Stores the number that goes with `flag`; it must be in the option's range.
fn store(rule: &mut Rule, flag: u32, number: u32) {
    rule.flags |= flag;
    match flag {
        flag::SPORT_MASK => set_bits(&mut rule.port_mask, 0xffff_0000, number << 16),
        flag::DPORT_MASK => set_bits(&mut rule.port_mask, 0x0000_ffff, number),
        flag::SPI_MASK => rule.port_mask = number.to_be(),
        flag::SPORT => set_bits(&mut rule.port_set, 0xffff_0000, number << 16),
        flag::DPORT => set_bits(&mut rule.port_set, 0x0000_ffff, number),
        flag::SPI => rule.port_set = number.to_be(),
        flag::PROTO_MASK => rule.proto_mask = number as u16,
        flag::RND => rule.hashrnd = number,
        flag::MODULUS => rule.hmodulus = number,
        flag::OFFSET => rule.hoffset = number,
        _ => {}
    }
}

/// Replaces the bits of `mask` in a word in network byte order.
fn set_bits(word: &mut u32, mask: u32, bits: u32) {
    *word = (*word & !mask.to_be()) | bits.to_be();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_spi_lie_as_on_the_wire() {
        let mut rule = Rule::default();
        store(&mut rule, flag::SPI_MASK, 0x0102_0304);
        store(&mut rule, flag::SPI, 0x0506_0708);
        assert_eq!(rule.port_mask.to_ne_bytes(), [1, 2, 3, 4]);
        assert_eq!(rule.port_set.to_ne_bytes(), [5, 6, 7, 8]);
        store(&mut rule, flag::SPORT_MASK, 0x1112);
        store(&mut rule, flag::DPORT, 0x1314);
        assert_eq!(rule.port_mask.to_ne_bytes(), [0x11, 0x12, 3, 4]);
        assert_eq!(rule.port_set.to_ne_bytes(), [5, 6, 0x13, 0x14]);
        store(&mut rule, flag::DPORT_MASK, 0x2122);
        store(&mut rule, flag::SPORT, 0x2324);
        assert_eq!(rule.port_mask.to_ne_bytes(), [0x11, 0x12, 0x21, 0x22]);
        assert_eq!(rule.port_set.to_ne_bytes(), [0x23, 0x24, 0x13, 0x14]);
    }

    #[test]
    fn each_number_has_its_place_and_flag() {
        let mut rule = Rule::default();
        store(&mut rule, flag::PROTO_MASK, 0xffff);
        store(&mut rule, flag::RND, 1);
        store(&mut rule, flag::MODULUS, 2);
        store(&mut rule, flag::OFFSET, 3);
        let stored = Rule {
            proto_mask: 0xffff,
            hashrnd: 1,
            hmodulus: 2,
            hoffset: 3,
            flags: flag::PROTO_MASK | flag::RND | flag::MODULUS | flag::OFFSET,
            ..Rule::default()
        };
        assert_eq!(rule, stored);
    }
}
