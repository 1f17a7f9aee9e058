/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* IPv6 source addresses that carry an IPv4 address, which names the sender better than they do: the
 * kinds that every network knows, and those that the policy table has from the configuration. The
 * first that fits counts. Include after a platform.
 *
 * That an address carries none is said early: nearly none does, and it is the cheapest path, to the
 * BPF verifier too.
 */
#ifndef MXG_CORE_EMBEDDED_H
#define MXG_CORE_EMBEDDED_H

#include "dataplane/core/address.h"
#include "dataplane/core/image.h"

/* Mapped (RFC 4291 2.5.5.2), 6to4 (RFC 3056 2), Teredo (RFC 4380 4: the client's address with all
 * bits inverted), NAT64 with the well-known prefix 64:ff9b::/96 (RFC 6052 2.1). */
static const struct mxg_embedding mxg_known_embeddings[] = {
    {0, 0xffffULL << 32, ~0ULL, ~0ULL << 32, 0, ~0u, 0, 0, 0, 32, 0, MXG_EMBEDDED_MAPPED, {0}},
    {0x2002ULL << 48, 0, 0xffffULL << 48, 0, ~0u, 0, 0, 16, 0, 0, 0, MXG_EMBEDDED_6TO4, {0}},
    {0x20010000ULL << 32, 0, ~0ULL << 32, 0, 0, ~0u, ~0u, 0, 0, 32, 0, MXG_EMBEDDED_TEREDO, {0}},
    {0x64ff9bULL << 32, 0, ~0ULL, ~0ULL << 32, 0, ~0u, 0, 0, 0, 32, 0, MXG_EMBEDDED_NAT64, {0}},
};
#define MXG_KNOWN_EMBEDDINGS 4

/* What has been found so far. */
struct mxg_inside {
    __u64 hi;   /* the IPv4 address as the `hi` of mxg_address */
    __u64 kind; /* enum mxg_embedded_kind */
};

MXG_INLINE void mxg_look_inside(const struct mxg_embedding *embedding,
                                const struct mxg_address *address, struct mxg_inside *inside)
{
    const __u64 fits =
        mxg_is_zero(((address->hi ^ embedding->hi) & embedding->hi_mask) |
                    ((address->lo ^ embedding->lo) & embedding->lo_mask) | inside->kind);
    if (!fits)
        return;
    const __u64 of_hi = address->hi << (embedding->hi_left & 63) >> (embedding->hi_right & 63);
    const __u64 of_lo = address->lo << (embedding->lo_left & 63) >> (embedding->lo_right & 63);
    const __u64 hi =
        (of_hi & (__u64)embedding->hi_bits << 32) | (of_lo & (__u64)embedding->lo_bits << 32);

    inside->hi = hi ^ (__u64)embedding->flip << 32;
    inside->kind = embedding->kind;
}

/* 0: of a kind that every network knows it is not. */
MXG_INLINE int mxg_may_be_known(__u64 hi)
{
    const __u64 top = hi >> 48;

    return top <= 0x64 || top == 0x2002 || hi >> 32 == 0x20010000;
}

/* *out: the address that stands for the sender, the embedded IPv4 address or `source` itself.
 * Returns enum mxg_embedded_kind. */
MXG_INLINE __u32 mxg_canonical(const struct mxg_table *table, const struct mxg_image_header *header,
                               const struct mxg_address *source, struct mxg_address *out)
{
    struct mxg_inside inside = {0, 0};

    *out = *source;
    if (source->family != MXG_FAMILY_IPV6)
        return MXG_EMBEDDED_NONE;
    if (header->embedding_count == 0 && !mxg_may_be_known(source->hi))
        return MXG_EMBEDDED_NONE;
#pragma GCC unroll 4
    for (int i = 0; i < MXG_KNOWN_EMBEDDINGS; i++)
        mxg_look_inside(&mxg_known_embeddings[i], source, &inside);
    for (__u32 i = 0; i < MXG_MAX_EMBEDDINGS && i < header->embedding_count; i++) {
        const struct mxg_embedding *embedding =
            (const struct mxg_embedding *)mxg_hot_line(table, header->embeddings + i);

        if (!embedding) /* cannot be: the image was verified */
            break;
        mxg_look_inside(embedding, source, &inside);
    }
    if (inside.kind) {
        out->hi = inside.hi;
        out->lo = 0;
        out->family = MXG_FAMILY_IPV4;
    }
    return (__u32)inside.kind;
}

/* Whether the outer address is looked up as well: a mapped one is nothing but the IPv4 address. */
MXG_INLINE int mxg_has_two_views(__u32 kind)
{
    return kind > MXG_EMBEDDED_MAPPED;
}

#endif
