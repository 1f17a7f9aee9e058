// SPDX-License-Identifier: BSD-2-Clause
#include "control/table/rules.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "control/table/table_info.h"

namespace mxgate {
namespace {

const mxg_image_header& header_of(const PolicyTable& table)
{
    return *reinterpret_cast<const mxg_image_header*>(table.plane.data());
}

const mxg_image_counts& counts_of(const PolicyTable& table)
{
    return *reinterpret_cast<const mxg_image_counts*>(&table.plane[1]);
}

bool same_lines(const PolicyTable& a, uint32_t from_a, const PolicyTable& b, uint32_t from_b,
                uint32_t count)
{
    return std::memcmp(&a.plane[from_a], &b.plane[from_b], count * sizeof(mxg_line)) == 0;
}

bool same_classes(const PolicyTable& a, const PolicyTable& b)
{
    for (uint32_t i = 0; i < counts_of(a).classes; i++) {
        mxg_class one{}, other{};
        std::memcpy(&one, &a.plane[header_of(a).classes + i], sizeof(one));
        std::memcpy(&other, &b.plane[header_of(b).classes + i], sizeof(other));
        const uint32_t levels_a = one.levels, levels_b = other.levels;
        if ((levels_a == 0) != (levels_b == 0) ||
            (levels_a != 0 && !same_lines(a, levels_a, b, levels_b, MXG_LEVEL_LINES)))
            return false;
        one.levels = other.levels = 0;
        if (std::memcmp(&one, &other, sizeof(one)) != 0)
            return false;
    }
    return true;
}

// Without what depends on lists, and on the time.
nlohmann::json names_of(TableInfo info)
{
    info.generation = 0;
    info.created = 0;
    info.length_sources.clear();
    return to_json(info);
}

}  // namespace

std::string compare_rules(const PolicyTable& a, const PolicyTable& b)
{
    const mxg_image_header &one = header_of(a), &other = header_of(b);
    const mxg_image_counts &counts = counts_of(a), &others = counts_of(b);
    if (names_of(a.info) != names_of(b.info))
        return "names of classes or feeds";
    if (((one.flags ^ other.flags) & ~MXG_FLAG_NO_TABLE) != 0)
        return "flags";
    if (one.service_count != other.service_count ||
        !same_lines(a, one.services, b, other.services, one.service_count))
        return "services";
    if (one.embedding_count != other.embedding_count ||
        !same_lines(a, one.embeddings, b, other.embeddings, one.embedding_count))
        return "embedded addresses";
    if (counts.classes != others.classes || counts.feeds != others.feeds || !same_classes(a, b))
        return "classes";
    if (counts.reply_interval_ns != others.reply_interval_ns ||
        counts.reply_tolerance_ns != others.reply_tolerance_ns)
        return "the limit on answers";
    return {};
}

}  // namespace mxgate
