/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the XDP program and its loader agree on, beside the core's layouts. */
#ifndef MXG_EBPF_SHARED_H
#define MXG_EBPF_SHARED_H

#include "dataplane/core/attempt.h"
#include "dataplane/core/packet.h"
#include "dataplane/core/sources.h"
#include "dataplane/core/verdict.h"

/* Fixed when the program is loaded: a frozen constant for the verifier. */
struct mxg_program_settings {
    struct mxg_source_settings sources;
    __u32 replay; /* 1: the clock and the decision go through replay_io */
    __u32 reserved;
    __u64 netns_cookie; /* of the gate's network namespace: only its sockets count */
};

/* In one element: small ones lie eight bytes apart. */
struct mxg_open_connections {
    __u32 of_class[MXG_MAX_CLASSES];
};

/* What a core has in hand. */
struct mxg_work {
    struct mxg_packet packet;
    struct mxg_decision decision;
    struct mxg_attempt attempt;
};

/* What the gate keeps of a socket: the connection as it was counted, and what opening it takes. */
struct mxg_socket {
    struct mxg_connection connection;
    struct mxg_packet packet;
    struct mxg_attempt attempt;
};

/* Memory shared with `mxgate replay`: time in, decision out. */
struct mxg_replay_io {
    __u64 now_ns;
    __u32 of_connection; /* 0: the frame belongs to none that is open */
    __u32 reserved;
    struct mxg_decision decision;
};

/* Pinned beside the maps: what layout they have, and the source table's secret, so that the next
 * program over the same maps hashes alike. */
struct mxg_pinned_meta {
    __u64 magic; /* MXG_IMAGE_MAGIC */
    __u32 schema; /* MXG_SCHEMA */
    __u32 reserved;
    struct mxg_source_settings sources;
    char pin_dir[256]; /* where these maps are pinned */
};

#endif
