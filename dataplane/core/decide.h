/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The decision: one frame in, one verdict with its reason out. The order is DESIGN's:
 * destination, malformed, fragment, martian, established, canonical source, policy, action, limit.
 *
 * Include after a platform (native.h, or ebpf/platform.h), which also gives
 *   struct mxg_gate { struct mxg_table table; ... }
 */
#ifndef MXG_CORE_DECIDE_H
#define MXG_CORE_DECIDE_H

#include "dataplane/core/embedded.h"
#include "dataplane/core/frame.h"
#include "dataplane/core/limits.h"
#include "dataplane/core/overrides.h"
#include "dataplane/core/shared.h"
#include "dataplane/core/table.h"

/* What the services say of a packet; each 0 or 1. */
struct mxg_service_match {
    __u64 address;  /* the destination is protected */
    __u64 port;     /* and so is the port */
    __u64 own_host; /* the source is a protected host itself */
};

MXG_INLINE __u64 mxg_in_service(const struct mxg_service *service,
                                const struct mxg_address *address)
{
    return mxg_is_zero(((service->hi ^ address->hi) & service->hi_mask) |
                       ((service->lo ^ address->lo) & service->lo_mask) |
                       (service->family ^ address->family));
}

/* In BPF branch-free, like the look-up, so that a list of services costs the verifier one path. */
MXG_INLINE __u64 mxg_in_ranges(const struct mxg_service *service, __u64 port)
{
#ifdef __bpf__
    __u64 in_range = 0;

#pragma GCC unroll 8
    for (int r = 0; r < MXG_MAX_PORT_RANGES; r++)
        in_range |= ~((port - service->range[r].first) | (service->range[r].last - port)) >> 63;
    return in_range;
#else
    for (int r = 0; r < MXG_MAX_PORT_RANGES; r++)
        if (port >= service->range[r].first && port <= service->range[r].last)
            return 1;
    return 0;
#endif
}

MXG_INLINE void mxg_match_service(const struct mxg_service *service,
                                  const struct mxg_packet *packet, struct mxg_service_match *match)
{
    const __u64 address = mxg_in_service(service, &packet->destination);

    match->address |= address;
#ifdef __bpf__
    match->port |= address & mxg_in_ranges(service, packet->destination_port);
    match->own_host |= service->host & mxg_in_service(service, &packet->source);
#else
    if (address && mxg_in_ranges(service, packet->destination_port))
        match->port = 1;
    if (service->host && mxg_in_service(service, &packet->source))
        match->own_host = 1;
#endif
}

/* 0, or -1 if the image is damaged. */
MXG_INLINE int mxg_match_services(const struct mxg_table *table,
                                  const struct mxg_image_header *header,
                                  const struct mxg_packet *packet, struct mxg_service_match *match)
{
    for (__u32 i = 0; i < MXG_MAX_SERVICE_ADDRESSES && i < header->service_count; i++) {
        const struct mxg_service *service =
            (const struct mxg_service *)mxg_hot_line(table, header->services + i);

        if (!service)
            return -1;
        mxg_match_service(service, packet, match);
    }
    return 0;
}

/* A source that no sender can have (RFC 6890): unspecified, loopback, multicast. */
MXG_INLINE int mxg_martian_source(const struct mxg_address *source)
{
    __u32 top = (__u32)(source->hi >> 56);

    if (source->family == MXG_FAMILY_IPV4)
        return source->hi == 0 || top == 127 || (top & 0xf0) == 0xe0;
    return top == 0xff || (source->hi == 0 && source->lo <= 1);
}

/* The policy of a source and the class that goes with it. */
struct mxg_judgement {
    struct mxg_prefix source; /* canonical source, cut to its end-site length */
    const struct mxg_class *class_of_service;
    __u16 feed;
    __u8 class_id;
    __u8 share; /* of the canonical view; see mxg_policy */
};

MXG_INLINE const struct mxg_class *mxg_class_of(const struct mxg_table *table,
                                                const struct mxg_image_header *header,
                                                __u32 class_id)
{
    return (const struct mxg_class *)mxg_hot_line(table, header->classes + class_id);
}

/* Takes the policy of one view of the source in; -1 if the image is damaged. The canonical view
 * comes first, gives the source prefix and wins a tie. */
MXG_INLINE int mxg_weigh(const struct mxg_table *table, const struct mxg_image_header *header,
                         const struct mxg_address *view, const struct mxg_policy *policy,
                         struct mxg_judgement *judgement)
{
    const struct mxg_class *found, *before = judgement->class_of_service;

    if (!policy)
        return -1;
    found = mxg_class_of(table, header, policy->class_id);
    if (!found)
        return -1;
    if (!before) {
        mxg_cut_into(&judgement->source.address, view, policy->length);
        judgement->source.length = policy->length;
        judgement->share = policy->share;
    }
    if (!before || found->strictness > before->strictness) {
        judgement->class_of_service = found;
        judgement->class_id = policy->class_id;
        judgement->feed = policy->feed;
    }
    return 0;
}

/* The class that the operator set for `address`, or -1: none, or its time is over. */
MXG_INLINE int mxg_override_class(const struct mxg_gate *gate, const struct mxg_address *address)
{
    const struct mxg_overrides *all = mxg_overrides_of(gate);
    const struct mxg_override *by_hand = all ? mxg_find_override(all, address) : 0;

    return by_hand && by_hand->until_ns > mxg_now(gate) ? by_hand->class_id & (MXG_MAX_CLASSES - 1)
                                                        : -1;
}

/* Out of line where the platform wants that. */
#ifndef MXG_OVERRIDE_CLASS
#define MXG_OVERRIDE_CLASS(gate, view) mxg_override_class(gate, view)
#endif

/* What the operator set by hand goes before what any feed says; the first view that has an override
 * decides. */
MXG_INLINE void mxg_apply_override(struct mxg_gate *gate, const struct mxg_image_header *header,
                                   const struct mxg_address *view, struct mxg_judgement *judgement)
{
    const struct mxg_class *found;
    int class_id;

    if (judgement->feed == MXG_FEED_BY_HAND)
        return;
    class_id = MXG_OVERRIDE_CLASS(gate, view);
    if (class_id < 0)
        return;
    found = mxg_class_of(&gate->table, header, (__u32)class_id);
    if (!found)
        return;
    judgement->class_of_service = found;
    judgement->class_id = (__u8)class_id;
    judgement->feed = MXG_FEED_BY_HAND;
}

/* `canonical`, `kind`: of `source`. 0, or -1 if the image is damaged. */
MXG_INLINE int mxg_judge_as(struct mxg_gate *gate, const struct mxg_image_header *header,
                            const struct mxg_address *source, const struct mxg_address *canonical,
                            __u32 kind, struct mxg_judgement *judgement)
{
    const struct mxg_table *table = &gate->table;
    struct mxg_address view = *canonical;
    int views;

    __builtin_memset(judgement, 0, sizeof(*judgement));
    for (views = 0; views < 2; views++) {
        if (mxg_weigh(table, header, &view, mxg_lookup(table, header, &view), judgement))
            return -1;
        if (!mxg_has_two_views(kind))
            break;
        view = *source;
    }
    mxg_apply_override(gate, header, canonical, judgement);
    if (mxg_has_two_views(kind))
        mxg_apply_override(gate, header, source, judgement);
    return 0;
}

MXG_INLINE int mxg_judge(struct mxg_gate *gate, const struct mxg_image_header *header,
                         const struct mxg_address *source, struct mxg_judgement *judgement)
{
    struct mxg_address canonical;
    const __u32 kind = mxg_canonical(&gate->table, header, source, &canonical);

    return mxg_judge_as(gate, header, source, &canonical, kind, judgement);
}

MXG_INLINE void mxg_set(struct mxg_decision *decision, __u8 verdict, __u8 reason)
{
    decision->verdict = verdict;
    decision->reason = reason;
}

/* The same where that is the end of it. */
MXG_INLINE int mxg_ends(struct mxg_decision *decision, __u8 verdict, __u8 reason)
{
    mxg_set(decision, verdict, reason);
    return 0;
}

/* An attempt, weighed by the class of the judgement as it is. 0, or -1 if the image is damaged. */
MXG_INLINE int mxg_attempt_by_class(struct mxg_gate *gate, const struct mxg_judgement *judgement,
                                    struct mxg_attempt *attempt)
{
    const struct mxg_class *limits = judgement->class_of_service;
    const struct mxg_ceiling *first, *second;
    __u32 line = limits->levels;

    attempt->limits = *limits;
    attempt->ceiling[0] = limits->own;
    attempt->source = judgement->source;
    attempt->class_id = judgement->class_id;
    attempt->hashes.source = attempt->hashes.syn = 0;
    attempt->ceiling[1].length = attempt->ceiling[2].length = attempt->ceiling[3].length = 0;
    if (line == 0)
        return 0;
    line += judgement->source.address.family == MXG_FAMILY_IPV4 ? MXG_LEVEL_LINES / 2 : 0;
    first = (const struct mxg_ceiling *)mxg_hot_line(&gate->table, line);
    second = (const struct mxg_ceiling *)mxg_hot_line(&gate->table, line + 1);
    if (!first || !second)
        return -1;
    attempt->ceiling[1] = first[0];
    attempt->ceiling[2] = first[1];
    attempt->ceiling[3] = second[0];
    return 0;
}

/* The same, with what end sites share. */
MXG_INLINE int mxg_prepare_attempt(struct mxg_gate *gate, const struct mxg_judgement *judgement,
                                   struct mxg_attempt *attempt)
{
    if (mxg_attempt_by_class(gate, judgement, attempt))
        return -1;
    if (judgement->share)
        mxg_share_limits(attempt, judgement->share);
    return 0;
}

/* Out of line where the platform wants that (ebpf/gate.bpf.c). */
#ifndef MXG_LIMIT
#define MXG_LIMIT(gate, packet, attempt, decision) mxg_limit(gate, packet, attempt, decision)
#endif

/* `hashes`: what a plane that has other packets to see to has found out before, or 0. */
MXG_INLINE void mxg_act(struct mxg_gate *gate, const struct mxg_packet *packet,
                        const struct mxg_judgement *judgement, const struct mxg_hashes *hashes,
                        struct mxg_decision *decision)
{
    const struct mxg_class *class_of_service = judgement->class_of_service;
    struct mxg_attempt local, *attempt;
    const int is_attempt = mxg_is_attempt(packet);

    if (!is_attempt && !class_of_service->byte_cost)
        return;
    switch (is_attempt ? class_of_service->action : (__u32)MXG_ACTION_LIMIT) {
        case MXG_ACTION_DROP:
            return mxg_set(decision, MXG_DROP, MXG_CLASS);
        case MXG_ACTION_RESET:
            return mxg_set(decision, MXG_RESET, MXG_CLASS);
        case MXG_ACTION_UNREACHABLE:
            return mxg_set(decision, MXG_UNREACHABLE, MXG_CLASS);
    }
    if (is_attempt)
        mxg_set(decision, MXG_PASS,
                class_of_service->action == MXG_ACTION_PASS ? MXG_CLASS : MXG_CONFORMS);
    if (is_attempt && !mxg_has_limits(class_of_service))
        return;
    attempt = mxg_attempt_memory(gate, &local);
    if (!attempt || mxg_prepare_attempt(gate, judgement, attempt))
        return mxg_set(decision, MXG_PASS, MXG_TABLE_FAULT);
    if (hashes)
        attempt->hashes = *hashes;
    MXG_LIMIT(gate, packet, attempt, decision);
}

/* What is known of the sender once it has been judged. */
MXG_INLINE void mxg_name_sender(const struct mxg_judgement *judgement,
                                struct mxg_decision *decision)
{
    decision->class_id = judgement->class_id;
    decision->feed = judgement->feed;
    decision->source_hi = judgement->source.address.hi;
    decision->source_lo = judgement->source.address.lo;
    decision->source_family = (__u8)judgement->source.address.family;
    decision->source_length = (__u8)judgement->source.length;
    if (judgement->class_of_service->flags & MXG_CLASS_MONITOR)
        decision->enforced = 0;
}

/* What mxg_screen leaves to the policies: a SYN, or established traffic that a limit may slow. */
MXG_INLINE void mxg_decide_by_policy(struct mxg_gate *gate, const struct mxg_packet *packet,
                                     const struct mxg_address *canonical, __u32 kind,
                                     struct mxg_decision *decision)
{
    const struct mxg_image_header *header =
        (const struct mxg_image_header *)mxg_hot_line(&gate->table, 0);
    struct mxg_judgement judgement;

    if (!header || mxg_judge_as(gate, header, &packet->source, canonical, kind, &judgement))
        return mxg_set(decision, MXG_PASS, MXG_TABLE_FAULT);
    mxg_name_sender(&judgement, decision);
    mxg_act(gate, packet, &judgement, 0, decision);
}

/* TCP, or what may be TCP, with the services' word on it. Not 0: to be judged, with *canonical and
 * *kind as mxg_canonical gives them. */
MXG_INLINE int mxg_screen_tcp(const struct mxg_table *table, const struct mxg_image_header *header,
                              const struct mxg_packet *packet,
                              const struct mxg_service_match *match, struct mxg_address *canonical,
                              __u32 *kind, struct mxg_decision *decision)
{
    int port_unknown = packet->kind == MXG_FRAME_BROKEN || packet->kind == MXG_FRAME_LATER_FRAGMENT;

    if (!match->address || (!match->port && !port_unknown))
        return 0;
    decision->source_port = packet->source_port;
    if (packet->kind == MXG_FRAME_BROKEN || packet->kind == MXG_FRAME_BROKEN_AT_PORT)
        return mxg_ends(decision, MXG_DROP, MXG_MALFORMED);
    if (packet->kind == MXG_FRAME_LATER_FRAGMENT && !(header->flags & MXG_FLAG_PASS_FRAGMENTS))
        return mxg_ends(decision, MXG_DROP, MXG_FRAGMENT);
    *kind = mxg_canonical(table, header, &packet->source, canonical);
    if (match->own_host || mxg_martian_source(&packet->source) ||
        (*kind != MXG_EMBEDDED_NONE && mxg_martian_source(canonical)) ||
        mxg_same_address(packet->source, packet->destination))
        return mxg_ends(decision, MXG_DROP, MXG_MARTIAN);
    if (packet->kind == MXG_FRAME_LATER_FRAGMENT)
        return mxg_ends(decision, MXG_PASS, MXG_FRAGMENT);
    mxg_set(decision, MXG_PASS, MXG_ESTABLISHED);
    if (!mxg_is_attempt(packet))
        return (header->flags & (MXG_FLAG_BANDWIDTH | MXG_FLAG_NO_TABLE)) == MXG_FLAG_BANDWIDTH;
    if (header->flags & MXG_FLAG_NO_TABLE)
        return mxg_ends(decision, header->flags & MXG_FLAG_NO_TABLE_DROP ? MXG_DROP : MXG_PASS,
                        MXG_NO_TABLE);
    return 1;
}

MXG_INLINE void mxg_begin_decision(struct mxg_decision *decision)
{
    __builtin_memset(decision, 0, sizeof(*decision));
    decision->class_id = MXG_NO_CLASS;
    decision->feed = MXG_NO_FEED;
    decision->enforced = 1;
    mxg_set(decision, MXG_PASS, MXG_NOT_GATED);
}

/* What is decided of a packet to no service; the beginning for any other. */
MXG_INLINE void mxg_pass_by(const struct mxg_image_header *header, const struct mxg_packet *packet,
                            struct mxg_decision *decision)
{
    mxg_begin_decision(decision);
    if (header->flags & MXG_FLAG_MONITOR)
        decision->enforced = 0;
    decision->family = (__u8)packet->source.family;
}

/* All of the decision that needs no policy. Not 0: mxg_judge and mxg_act decide the rest, of the
 * sender that *canonical and *kind (as of mxg_canonical) name. */
MXG_INLINE int mxg_screen(const struct mxg_table *table, const struct mxg_packet *packet,
                          struct mxg_address *canonical, __u32 *kind, struct mxg_decision *decision)
{
    const struct mxg_image_header *header = (const struct mxg_image_header *)mxg_hot_line(table, 0);
    struct mxg_service_match match = {0, 0, 0};

    if (!header) {
        mxg_begin_decision(decision);
        return mxg_ends(decision, MXG_PASS, MXG_NO_TABLE);
    }
    mxg_pass_by(header, packet, decision);
    if (packet->kind == MXG_FRAME_NOT_IP || packet->kind == MXG_FRAME_NOT_TCP)
        return 0;
    if (mxg_match_services(table, header, packet, &match))
        return mxg_ends(decision, MXG_PASS, MXG_TABLE_FAULT);
    return mxg_screen_tcp(table, header, packet, &match, canonical, kind, decision);
}

/* `packet` is what mxg_parse_frame made of the frame. */
MXG_INLINE void mxg_decide(struct mxg_gate *gate, const struct mxg_packet *packet,
                           struct mxg_decision *decision)
{
    struct mxg_address canonical;
    __u32 kind;

    if (mxg_screen(&gate->table, packet, &canonical, &kind, decision))
        mxg_decide_by_policy(gate, packet, &canonical, kind, decision);
}

/* What a plane does with the frame: the one place where monitor mode takes effect. */
MXG_INLINE __u8 mxg_effect(const struct mxg_decision *decision)
{
    return decision->enforced ? decision->verdict : (__u8)MXG_PASS;
}

#endif
