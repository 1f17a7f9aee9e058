// SPDX-License-Identifier: BSD-2-Clause
#include "control/feeds/feed.h"

#include <algorithm>
#include <filesystem>
#include <vector>

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

Feed read(FeedInput input, const FeedConfig& config, bool one_of_many = false)
{
    FeedBuilder builder(config, one_of_many);
    if (!input.failure())
        reader_of(config.format)(input, builder);
    if (!input.failure())
        return builder.finish();
    // What was read before it failed is part of a list, so nothing of it is used.
    FeedBuilder failed(config);
    failed.refuse(*input.failure());
    return failed.take();
}

std::vector<std::string> files_of(const std::string& folder, std::error_code& error)
{
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        const std::string name = entry.path().filename().string();
        std::error_code gone;
        if (!name.starts_with('.') && !name.ends_with('~') && entry.is_regular_file(gone))
            out.push_back(entry.path().string());
    }
    std::sort(out.begin(), out.end());
    return out;
}

Feed read_folder(const FeedConfig& config)
{
    FeedBuilder whole(config);
    std::error_code error;
    for (const std::string& path : files_of(config.path, error)) {
        FeedConfig part = config;
        part.path = path;
        part.min_entries = 0;  // of all files together
        whole.append(read(FeedInput::of_file(path, config.max_size), part, true), path);
    }
    if (error)
        whole.refuse(error.message());
    return whole.finish();
}

}  // namespace

Feed parse_feed(std::string_view bytes, const FeedConfig& config)
{
    return read(FeedInput::of_text(bytes, config.max_size), config);
}

Feed read_feed(const FeedConfig& config)
{
    std::error_code ignored;
    if (std::filesystem::is_directory(config.path, ignored))
        return read_folder(config);
    return read(FeedInput::of_file(config.path, config.max_size), config);
}

}  // namespace mxgate
