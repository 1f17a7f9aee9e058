// SPDX-License-Identifier: BSD-2-Clause
// The `feeds` section: which lists, in which format, and what they mean.
#include "control/config/reader.h"
#include "dataplane/core/image.h"

namespace mxgate {
namespace {

constexpr size_t kMaxFeeds = MXG_MAX_FEEDS;

}  // namespace

void Reader::read_feeds(const YamlNode& node)
{
    if (node.kind != YamlNode::Kind::list)
        wrong_kind(report_, node, "a list of feeds");
    for (size_t i = 0; i < node.items.size(); i++) {
        if (i == kMaxFeeds)
            error_at(report_, *node.items[i], fmt::format("more than {} feeds", kMaxFeeds));
        read_feed(*node.items[i]);
    }
}

void Reader::read_feed(const YamlNode& node)
{
    FeedConfig feed;
    feed.where = location(node);
    const Section fields =
        section(node, "feed",
                {"name", "format", "path", "class", "priority", "guard", "widen", "max_size"});
    if (!fields.is_map())
        return;
    if (const YamlEntry* entry = fields.require("name")) {
        feed.name = read_name(report_, *entry->value).value_or("");
        const auto [first, is_new] = feed_lines_.try_emplace(feed.name, entry->line);
        if (!is_new && !feed.name.empty())
            error_at(report_, *entry->value,
                     fmt::format("feed `{}` stands in line {} already", feed.name, first->second));
    }
    fields.require("format");
    feed.format = fields
                      .choice<FeedFormat>("format", {{"prefixes", FeedFormat::prefixes},
                                                     {"spamhaus-drop", FeedFormat::spamhaus_drop}})
                      .value_or(feed.format);
    // A feed with a URL needs no path; that it has a URL is reported already.
    if (const YamlEntry* entry = fields.has("url") ? fields.find("path") : fields.require("path")) {
        const auto path = read_text(report_, *entry->value, "the path of a file");
        if (path && path->empty())
            error_at(report_, *entry->value, "the path is empty");
        else if (path)
            feed.path = resolve(*path);
    }
    if (const YamlEntry* entry = fields.require("class")) {
        const auto name = read_text(report_, *entry->value, "the name of a class");
        if (name && check_class_name(*entry->value, *name))
            feed.class_name = *name;
    }
    if (const YamlEntry* entry = fields.find("priority"))
        feed.priority = static_cast<int32_t>(
            read_integer(report_, *entry->value, INT32_MIN, INT32_MAX).value_or(0));
    if (const YamlEntry* entry = fields.find("max_size"))
        feed.max_size = read_number(report_, *entry->value, 1, 1ULL << 40).value_or(feed.max_size);
    fields.choice<int>("widen", {{"none", 0}});
    if (const YamlEntry* entry = fields.find("guard")) {
        const Section guard = section(*entry->value, "guard", {"min_entries"});
        if (const YamlEntry* least = guard.find("min_entries"))
            feed.min_entries = read_number(report_, *least->value, 0, UINT32_MAX).value_or(1);
    }
    config_.feeds.push_back(std::move(feed));
}

}  // namespace mxgate
