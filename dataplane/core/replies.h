/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An answer as a plane holds it, and what is kept and counted of answers. reply.h builds them. */
#ifndef MXG_CORE_REPLIES_H
#define MXG_CORE_REPLIES_H

#include "dataplane/core/address.h"
#include "dataplane/core/verdict.h"

#define MXG_REPLY_IP 24 /* room for two tags in front of it, and all of the packet is aligned */
#define MXG_REPLY_BYTES (MXG_REPLY_IP + 1280)
#define MXG_REPLY_LEAST 60 /* bytes of an Ethernet frame without its check sequence */
#define MXG_REPLY_MOST (14 + 8 + 1280)

struct mxg_reply {
    __u32 start;  /* the byte where the frame begins: mxg_reply_frame */
    __u32 length; /* MXG_REPLY_LEAST..MXG_REPLY_MOST */
    /* More at the end: zeros that make the quote whole words, and the verifier adds the largest
     * start to the largest length. */
    __u8 byte[MXG_REPLY_BYTES + 16] __attribute__((aligned(8)));
};

/* What becomes of a verdict that means an answer. */
enum mxg_reply_outcome {
    MXG_REPLY_ANSWERED = 0,
    MXG_REPLY_SUPPRESSED = 1,   /* beyond gate.replies */
    MXG_REPLY_UNANSWERABLE = 2, /* to or from more than one host, or the frame could not be sent */
};

#define MXG_REPLY_OUTCOMES 3
#define MXG_REPLY_COUNTERS (MXG_REPLY_OUTCOMES * MXG_VERDICTS * 3)

/* Of one core; outlives tables. */
struct mxg_replies {
    __u64 full_at_ns; /* GCRA's theoretical arrival time, see mxg_charge_rate */
    __u64 count[MXG_REPLY_COUNTERS];
};

/* The index of an outcome's counter; dense, < MXG_REPLY_COUNTERS. */
MXG_INLINE __u32 mxg_reply_index(__u32 outcome, __u32 verdict, __u32 family)
{
    return (outcome * MXG_VERDICTS + verdict) * 3 + family;
}

MXG_INLINE void mxg_count_reply(struct mxg_replies *replies, enum mxg_reply_outcome outcome,
                                __u32 verdict, __u32 family)
{
    __u32 index = mxg_reply_index(outcome, verdict, family);

    if (index < MXG_REPLY_COUNTERS)
        replies->count[index]++;
}

#endif
