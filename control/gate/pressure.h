// SPDX-License-Identifier: BSD-2-Clause
// Notices when the source table is too small for the senders that come.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/state/state_view.h"

namespace mxgate {

class Pressure
{
public:
    // To be called a few times a second. The text of an event, one a minute at most, when within a
    // minute some sender found no room, or one in a thousand entries was lost that still had a
    // debt or a penalty; a few are in any table, as senders do not spread evenly. Else empty.
    std::string look(const SourcePressure& now, const SourceFill& fill, uint64_t now_ns);

private:
    SourcePressure before_;  // at the minute's beginning
    uint64_t since_ns_ = 0, until_ns_ = 0;
    bool said_ = false;  // this minute
};

}  // namespace mxgate
