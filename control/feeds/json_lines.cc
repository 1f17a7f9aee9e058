// SPDX-License-Identifier: BSD-2-Clause
#include "control/feeds/json_lines.h"

#include <fmt/format.h>

namespace mxgate {

bool JsonLines::is_metadata(const nlohmann::json& line)
{
    if (!line.is_object())
        return false;
    const auto type = line.find("type");
    if (type == line.end() || *type != "metadata")
        return false;
    found_ = true;
    const auto records = line.find("records");
    if (records == line.end() || !records->is_number_unsigned())
        broken_ = true;
    else
        promised_ += records->get<uint64_t>();
    return true;
}

std::optional<std::string> JsonLines::check(uint64_t entries) const
{
    if (!found_)
        return "truncated: no metadata line";
    if (broken_)
        return "the metadata line has no `records`";
    if (promised_ != entries)
        return fmt::format("truncated: the metadata line promises {} records, there are {}",
                           promised_, entries);
    return std::nullopt;
}

}  // namespace mxgate
