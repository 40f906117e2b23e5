// SPDX-License-Identifier: GPL-2.0-only

//! Rules as they lie in memory: for implementations that do not share `hmark`'s types.
//!
//! C headers: `include/linux/netfilter/xt_HMARK.h`, `xt_HMARK_v1.h`

use super::hmark::rule::{v0, v1};

/// The bytes of a rule of revision 0.
pub fn rule(rule: &v0::Info) -> [u8; 60] {
    let v0::Info {
        src_mask,
        dst_mask,
        port_mask,
        port_set,
        flags,
        proto_mask,
        hashrnd,
        hmodulus,
        hoffset,
    } = rule;
    let mut all = [0; 60];
    all[..16].copy_from_slice(&address(*src_mask));
    all[16..32].copy_from_slice(&address(*dst_mask));
    all[44..46].copy_from_slice(&proto_mask.to_ne_bytes());
    for (at, number) in [
        (32, port_mask),
        (36, port_set),
        (40, flags),
        (48, hashrnd),
        (52, hmodulus),
        (56, hoffset),
    ] {
        all[at..at + 4].copy_from_slice(&number.to_ne_bytes());
    }
    all
}

/// The bytes of a rule of revision 1.
pub fn rule_v1(rule: &v1::Info) -> [u8; 352] {
    let v1::Info {
        masked: v1::Masked { v0, mark_mask },
        from,
        key,
        gtpu_port,
        vxlan_port,
        geneve_port,
        inner,
        reserved,
        less,
    } = rule;
    let mut all = [0; 352];
    all[..60].copy_from_slice(&self::rule(v0));
    all[60..64].copy_from_slice(&mark_mask.to_ne_bytes());
    all[64..68].copy_from_slice(&from.to_ne_bytes());
    all[68..84].copy_from_slice(key);
    for (at, port) in [(84, gtpu_port), (86, vxlan_port), (88, geneve_port)] {
        all[at..at + 2].copy_from_slice(&port.to_ne_bytes());
    }
    all[90] = *inner;
    all[91..96].copy_from_slice(reserved);
    all[96..].copy_from_slice(less);
    all
}

/// The bytes of an address, or a mask of one, whose words are in network byte order.
pub fn address(words: [u32; 4]) -> [u8; 16] {
    let bytes = words.map(u32::to_ne_bytes);
    core::array::from_fn(|n| bytes[n / 4][n % 4])
}
