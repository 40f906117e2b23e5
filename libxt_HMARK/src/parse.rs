// SPDX-License-Identifier: GPL-2.0-only

//! One option of a rule: its value is checked, so that an error can name it, and stored.

use hmark::rule::flag;

use crate::ffi::{OptionCall, Wanted};
use crate::options::TUPLE;
use crate::tuple;

/// Puts the option into the rule, or ends iptables with what is wrong with its value.
pub fn parse(call: &mut OptionCall<'_>) {
    match call.flag() {
        TUPLE => selectors(call),
        flag::SADDR_MASK | flag::DADDR_MASK => prefix(call),
        _ => number(call),
    }
}

fn selectors(call: &mut OptionCall<'_>) {
    call.store();
    match tuple::parse(call.argument().to_bytes()) {
        Ok(flags) => {
            call.add_given(flags);
            tuple::select(call.rule(), flags);
        }
        Err(element) => call.refuse(element, Wanted::Selectors),
    }
}

fn prefix(call: &mut OptionCall<'_>) {
    let is_length = call.is_number(0..=call.family().bits());
    if !is_length && !call.is_address() {
        refuse(call, Wanted::Prefix);
    }
    call.store();
    // libxtables takes a number that is too large for a length as an address, 33 as 0.0.0.33.
    let is_netmask = call
        .argument()
        .to_bytes()
        .iter()
        .any(|byte| matches!(byte, b'.' | b':'));
    // And up to 1.8.9 it stores all bits for a netmask that has no length.
    let flag = call.flag();
    let rule = call.rule();
    let mask = if flag == flag::SADDR_MASK {
        rule.src_mask
    } else {
        rule.dst_mask
    };
    if !call.has_prefix_length() && (!is_netmask || mask == [u32::MAX; 4]) {
        refuse(call, Wanted::Prefix);
    }
    call.rule().flags |= flag;
}

fn number(call: &mut OptionCall<'_>) {
    let range = call.range();
    if !call.is_number(range.clone()) {
        refuse(call, Wanted::Number(range));
    }
    call.store();
    let flag = call.flag();
    call.rule().flags |= flag;
}

fn refuse(call: &OptionCall<'_>, wanted: Wanted) -> ! {
    call.refuse(call.argument().to_bytes(), wanted)
}
