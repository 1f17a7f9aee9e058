/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses and prefixes, one shape for both families.
 *
 * An address is 128 bits as two host-order halves. An IPv4 address sits in the top 32 bits of
 * `hi` with everything below zero, so that "cut to a length" and "compare" are one code for both
 * families: lengths run 0..32 for IPv4 and 0..128 for IPv6.
 */
#ifndef MXG_CORE_ADDRESS_H
#define MXG_CORE_ADDRESS_H

#include <linux/types.h>

#define MXG_INLINE static inline __attribute__((always_inline, unused))
/* What the common packet does not need is kept out of its way; BPF has no room for another frame.
 */
#ifdef __bpf__
#define MXG_SELDOM MXG_INLINE
#else
#define MXG_SELDOM static inline __attribute__((noinline, cold, unused))
#endif

enum mxg_family { MXG_FAMILY_NONE = 0, MXG_FAMILY_IPV4 = 1, MXG_FAMILY_IPV6 = 2 };

struct mxg_address {
    __u64 hi;
    __u64 lo;
    __u32 family; /* enum mxg_family */
    __u32 reserved;
};

struct mxg_prefix {
    struct mxg_address address; /* bits beyond `length` are zero */
    __u32 length;
};

/* 1 for 0, else 0; in BPF branch-free, for the verifier's sake. */
MXG_INLINE __u64 mxg_is_zero(__u64 value)
{
#ifdef __bpf__
    return ~(value | -value) >> 63;
#else
    return value == 0;
#endif
}

/* The top `length` bits of a 64-bit half; length 0..64 (more counts as 64). */
MXG_INLINE __u64 mxg_mask64(__u32 length)
{
    if (length >= 64)
        return ~0ULL;
    return ~(~0ULL >> length);
}

/* *from with everything beyond `length` bits cleared. Field by field: a copy of the whole, a moment
 * later, would have to wait until the fields are in the cache. */
MXG_INLINE void mxg_cut_into(struct mxg_address *to, const struct mxg_address *from, __u32 length)
{
    to->hi = from->hi & mxg_mask64(length);
    to->lo = from->lo & (length > 64 ? mxg_mask64(length - 64) : 0);
    to->family = from->family;
}

MXG_INLINE struct mxg_address mxg_cut(struct mxg_address address, __u32 length)
{
    mxg_cut_into(&address, &address, length);
    return address;
}

MXG_INLINE int mxg_same_address(struct mxg_address a, struct mxg_address b)
{
    return a.hi == b.hi && a.lo == b.lo && a.family == b.family;
}

/* 1 if `address` lies in `prefix` (same family). */
MXG_INLINE int mxg_contains(struct mxg_prefix prefix, struct mxg_address address)
{
    return mxg_same_address(mxg_cut(address, prefix.length), prefix.address);
}

MXG_INLINE __u32 mxg_family_bits(__u32 family)
{
    return family == MXG_FAMILY_IPV4 ? 32 : 128;
}

#endif
