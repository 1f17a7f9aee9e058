/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Samples of denials: one ring per core in memory that the control plane maps.
 *
 * The core writes, mxgated reads and moves `tail`. A full ring is not overwritten: what does not
 * fit is counted in `lost`. So the rate of samples is what the reader takes, a flood costs two
 * additions a frame, and each sample carries source port and time (RFC 6302).
 */
#ifndef MXG_CORE_SAMPLE_H
#define MXG_CORE_SAMPLE_H

#include "dataplane/core/sources.h"
#include "dataplane/core/verdict.h"

#define MXG_RING_SAMPLES 1024

struct mxg_sample {
    __u64 time_ns;             /* monotonic */
    struct mxg_address source; /* of the frame, not canonical */
    struct mxg_decision decision;
    __u64 reserved[7];
};

struct mxg_ring {
    __u64 head, lost; /* written by the core */
    __u64 reserved[6];
    __u64 tail; /* written by the reader */
    __u64 reserved2[7];
    struct mxg_sample sample[MXG_RING_SAMPLES];
};

#ifdef __cplusplus
#define _Static_assert static_assert
#endif
_Static_assert(sizeof(struct mxg_sample) == 128, "two lines");

/* `now` is evaluated only where the decision did not read the clock. */
#define mxg_take_sample(ring, from, what, now)                                                 \
    do {                                                                                       \
        __u64 head_ = (ring)->head;                                                            \
        if (head_ - mxg_load64(&(ring)->tail) >= MXG_RING_SAMPLES) {                           \
            (ring)->lost++;                                                                    \
            break;                                                                             \
        }                                                                                      \
        struct mxg_sample *sample_ = &(ring)->sample[head_ & (MXG_RING_SAMPLES - 1)];          \
        sample_->source = *(from);                                                             \
        sample_->decision = *(what);                                                           \
        sample_->time_ns = (what)->time_ns ? (what)->time_ns : (now);                          \
        __sync_fetch_and_add(&(ring)->head, 1); /* a barrier too: the sample is whole first */ \
    } while (0)

#endif
