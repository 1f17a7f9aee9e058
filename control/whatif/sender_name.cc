// SPDX-License-Identifier: BSD-2-Clause
#include "control/whatif/sender_name.h"

#include <libpsl.h>

#include <algorithm>
#include <cctype>

namespace mxgate {

SenderNames::SenderNames() : suffixes_(::psl_builtin()) {}

std::string SenderNames::registered(std::string host) const
{
    std::transform(host.begin(), host.end(), host.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (host.ends_with('.'))
        host.pop_back();
    size_t before = 0;
    for (size_t dot = host.find('.'); dot != host.npos; dot = host.find('.', dot + 1)) {
        if (::psl_is_public_suffix2(suffixes_, host.c_str() + dot + 1, PSL_TYPE_ICANN))
            return host.substr(before);
        before = dot + 1;
    }
    return host;
}

const std::string& SenderNames::sender_of(std::string_view host)
{
    const auto [at, fresh] = known_.try_emplace(std::string(host));
    if (fresh)
        at->second = registered(at->first);
    return at->second;
}

}  // namespace mxgate
