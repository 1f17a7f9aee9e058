// SPDX-License-Identifier: BSD-2-Clause
// The readers of the formats, one file each; feed.cc knows which is whose.
#pragma once

#include "control/feeds/builder.h"
#include "control/feeds/input.h"

namespace mxgate {

// Tells `to` all that `input` holds. What is broken is rejected or refused, never thrown.
using FeedReader = void (*)(FeedInput& input, FeedBuilder& to);

void read_prefixes(FeedInput& input, FeedBuilder& to);
void read_spamhaus(FeedInput& input, FeedBuilder& to);
void read_rbldnsd(FeedInput& input, FeedBuilder& to);
void read_cidr(FeedInput& input, FeedBuilder& to);
void read_ipset(FeedInput& input, FeedBuilder& to);
void read_csv(FeedInput& input, FeedBuilder& to);
void read_tsv(FeedInput& input, FeedBuilder& to);
void read_json(FeedInput& input, FeedBuilder& to);
void read_delegated(FeedInput& input, FeedBuilder& to);
void read_mrt(FeedInput& input, FeedBuilder& to);

}  // namespace mxgate
