/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Verdicts and reasons: the one list that BPF, C++, metrics and docs share.
 *
 * Values are part of the counters' layout: append, never reorder; raise MXG_SCHEMA otherwise.
 */
#ifndef MXG_CORE_VERDICT_H
#define MXG_CORE_VERDICT_H

#include <linux/types.h>

enum mxg_verdict {
    MXG_PASS = 0,
    MXG_DROP = 1,
    MXG_RESET = 2,       /* answered with a TCP RST */
    MXG_UNREACHABLE = 3, /* answered with ICMPv6 1/1 or ICMP 3/13 */
    MXG_VERDICTS = 4
};

/* X(enumerator, name, text) */
#define MXG_REASON_LIST(X)                                                                       \
    X(MXG_NOT_GATED, "not-gated", "not TCP to a protected address and port")                     \
    X(MXG_ESTABLISHED, "established", "not a connection attempt: no SYN, or SYN with ACK")       \
    X(MXG_CLASS, "class", "the action of the class of service")                                  \
    X(MXG_CONFORMS, "conforms", "a connection attempt within the limits of its class")           \
    X(MXG_MALFORMED, "malformed", "truncated or inconsistent headers, or SYN with FIN or RST")   \
    X(MXG_FRAGMENT, "fragment", "a TCP fragment other than the first")                           \
    X(MXG_MARTIAN, "martian", "a source address that no sender can have")                        \
    X(MXG_RATE, "rate", "more connection attempts than the rate of the class")                   \
    X(MXG_CONTENDED, "contended", "the state of the source prefix was busy on other cores")      \
    X(MXG_NO_TABLE, "no-table", "no policy table yet: `gate.without_table` decides")             \
    X(MXG_TABLE_FAULT, "table-fault", "the policy table could not be read: passed, never right") \
    X(MXG_RETRY_WAIT, "retry-wait", "the waiting period after a denial is not over")             \
    X(MXG_CONNECTIONS, "connections", "as many open connections as the class allows a sender")   \
    X(MXG_TOTAL, "total-connections", "as many open connections as the class may hold")          \
    X(MXG_LEVEL_RATE, "level-rate", "more attempts than the rate of a parent prefix")            \
    X(MXG_LEVEL_CONNECTIONS, "level-connections", "as many connections as a parent may hold")    \
    X(MXG_SYN_GUARD, "syn-guard", "more SYNs without a handshake than the guard lets pass")      \
    X(MXG_COARSE, "coarse", "no room for the state of the sender: judged by its parent prefix")  \
    X(MXG_BANDWIDTH, "bandwidth", "more bytes of established traffic than the class allows")

enum mxg_reason {
#define MXG_REASON_ENUM(enumerator, name, text) enumerator,
    MXG_REASON_LIST(MXG_REASON_ENUM)
#undef MXG_REASON_ENUM
        MXG_REASONS
};

#define MXG_MAX_CLASSES 16
#define MXG_NO_CLASS 0xff
#define MXG_NO_FEED 0xffff
#define MXG_MAX_FEEDS 255 /* all bits below a power of two */

/* Everything a plane says of one frame. */
struct mxg_decision {
    __u64 source_hi;    /* source prefix, for attempts only (source_family != 0) */
    __u64 source_lo;    /*   canonical: the embedded IPv4 for 6to4 and mapped sources */
    __u64 time_ns;      /* the clock, where the decision read it, else 0 */
    __u16 feed;         /* that decided the class, or MXG_NO_FEED */
    __u16 source_port;  /* host order; not of what is not gated */
    __u8 verdict;       /* enum mxg_verdict: what the rules say */
    __u8 reason;        /* enum mxg_reason */
    __u8 class_id;      /* or MXG_NO_CLASS */
    __u8 family;        /* of the frame: enum mxg_family */
    __u8 enforced;      /* 0: monitor mode, the frame passes whatever the verdict */
    __u8 source_family; /* of the source prefix */
    __u8 source_length; /* end-site prefix length, bits */
    __u8 reserved[5];
};

/* The index of the one counter a decision ends in; dense, < MXG_COUNTERS. */
#define MXG_CLASS_SLOTS (MXG_MAX_CLASSES + 1)
/* And of a feed: feed * MXG_VERDICTS + verdict, < MXG_FEED_COUNTERS. */
#define MXG_FEED_COUNTERS ((MXG_MAX_FEEDS + 1) * MXG_VERDICTS)
#define MXG_COUNTERS (MXG_REASONS * MXG_CLASS_SLOTS * 3 * MXG_VERDICTS * 2)

static inline __attribute__((always_inline, unused)) __u32 mxg_counter_index(
    const struct mxg_decision *d)
{
    __u32 index = d->reason;

    index =
        index * MXG_CLASS_SLOTS + (d->class_id < MXG_MAX_CLASSES ? d->class_id : MXG_MAX_CLASSES);
    index = index * 3 + d->family;
    index = index * MXG_VERDICTS + d->verdict;
    return index * 2 + d->enforced;
}

/* The index of a feed's counter, and what to add to it: 0 where no feed decided. Without a branch,
 * which nobody could foretell. */
static inline __attribute__((always_inline, unused)) __u32 mxg_feed_counter_index(
    const struct mxg_decision *d)
{
    return (d->feed & MXG_MAX_FEEDS) * MXG_VERDICTS + d->verdict;
}

static inline __attribute__((always_inline, unused)) __u32 mxg_is_by_feed(
    const struct mxg_decision *d)
{
    return d->feed <= MXG_MAX_FEEDS;
}

#endif
