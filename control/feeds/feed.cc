// SPDX-License-Identifier: BSD-2-Clause
#include "control/feeds/feed.h"

#include "control/feeds/readers.h"

namespace mxgate {
namespace {

FeedReader reader_of(FeedFormat format)
{
    switch (format) {
        case FeedFormat::prefixes:
            return read_prefixes;
        case FeedFormat::spamhaus_drop:
            return read_spamhaus;
        case FeedFormat::rbldnsd:
            return read_rbldnsd;
        case FeedFormat::cidr:
            return read_cidr;
        case FeedFormat::ipset:
            return read_ipset;
        case FeedFormat::csv:
            return read_csv;
        case FeedFormat::tsv:
            return read_tsv;
        case FeedFormat::json:
            return read_json;
        case FeedFormat::delegated_extended:
            return read_delegated;
        case FeedFormat::mrt:
            return read_mrt;
    }
    return nullptr;
}

Feed read(FeedInput input, const FeedConfig& config)
{
    FeedBuilder builder(config);
    if (!input.failure())
        reader_of(config.format)(input, builder);
    if (!input.failure())
        return builder.finish();
    // What was read before it failed is part of a list, so nothing of it is used.
    FeedBuilder failed(config);
    failed.refuse(*input.failure());
    return failed.take();
}

}  // namespace

Feed parse_feed(std::string_view bytes, const FeedConfig& config)
{
    return read(FeedInput::of_text(bytes, config.max_size), config);
}

Feed read_feed(const FeedConfig& config)
{
    return read(FeedInput::of_file(config.path, config.max_size), config);
}

}  // namespace mxgate
