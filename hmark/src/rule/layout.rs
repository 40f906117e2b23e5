// SPDX-License-Identifier: GPL-2.0-only

//! Assertions that a C header lays rules out as [`v0`](super::v0) and [`v1`](super::v1) do.

/// Asserts at compile time that a C structure is laid out as [`v0::Info`](crate::rule::v0::Info) is,
/// field by field.
///
/// Those who bind the structure from a C header use this. A field that is missing here is an error.
#[macro_export]
macro_rules! assert_layout_v0 {
    ($info:ident, $c:ty) => {
        const _: fn($info) = |$info {
                                  src_mask: _,
                                  dst_mask: _,
                                  port_mask: _,
                                  port_set: _,
                                  flags: _,
                                  proto_mask: _,
                                  hashrnd: _,
                                  hmodulus: _,
                                  hoffset: _,
                              }| ();
        $crate::assert_same_layout!(
            $info,
            $c,
            src_mask = src_mask,
            dst_mask = dst_mask,
            port_mask = port_mask,
            port_set = port_set,
            flags = flags,
            proto_mask = proto_mask,
            hashrnd = hashrnd,
            hmodulus = hmodulus,
            hoffset = hoffset
        );
    };
}

/// Likewise for [`v1::Info`](crate::rule::v1::Info).
#[macro_export]
macro_rules! assert_layout_v1 {
    ($info:ident, $c:ty) => {
        const _: fn($info) = |$info {
                                  masked: _,
                                  from: _,
                                  key: _,
                                  gtpu_port: _,
                                  vxlan_port: _,
                                  geneve_port: _,
                                  inner: _,
                                  reserved: _,
                                  less: _,
                              }| ();
        $crate::assert_same_layout!(
            $info,
            $c,
            masked.v0 = v0,
            masked.mark_mask = mark_mask,
            from = from,
            key = key,
            gtpu_port = gtpu_port,
            vxlan_port = vxlan_port,
            geneve_port = geneve_port,
            inner = inner,
            reserved = reserved,
            less = less
        );
    };
}

/// Asserts that two structures have one size, one alignment, and fields at the same offsets.
#[doc(hidden)]
#[macro_export]
macro_rules! assert_same_layout {
    ($info:ty, $c:ty, $($($field:ident).+ = $c_field:ident),+) => {
        const _: () = {
            assert!(::core::mem::size_of::<$info>() == ::core::mem::size_of::<$c>());
            assert!(::core::mem::align_of::<$info>() == ::core::mem::align_of::<$c>());
            $(assert!(
                ::core::mem::offset_of!($info, $($field).+)
                    == ::core::mem::offset_of!($c, $c_field)
            );)+
        };
    };
}
