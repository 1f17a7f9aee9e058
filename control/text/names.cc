// SPDX-License-Identifier: BSD-2-Clause
#include "control/text/names.h"

#include "dataplane/core/overrides.h"

namespace mxgate {

const char* class_name(const TableInfo& info, uint32_t class_id)
{
    return class_id < info.classes.size() ? info.classes[class_id].name.c_str() : nullptr;
}

const char* feed_name(const TableInfo& info, uint32_t feed)
{
    if (feed == MXG_FEED_BY_HAND)
        return "by hand";
    return feed < info.feeds.size() ? info.feeds[feed].name.c_str() : nullptr;
}

mxg_prefix source_prefix(const mxg_decision& decision)
{
    return {{decision.source_hi, decision.source_lo, decision.source_family, 0},
            decision.source_length};
}

}  // namespace mxgate
