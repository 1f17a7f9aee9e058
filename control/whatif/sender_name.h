// SPDX-License-Identifier: BSD-2-Clause
// Whose a host is, by its name in the DNS: the domain that its owner registered.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

struct psl_ctx_st;

namespace mxgate {

class SenderNames
{
public:
    SenderNames();

    // "mail-wm1-x32a.google.com" is of "google.com"; what is below no public suffix stays. By the
    // suffixes that ICANN delegates: of "ec2-192-0-2-1.compute-1.amazonaws.com" "amazonaws.com".
    const std::string& sender_of(std::string_view host);

private:
    std::string registered(std::string host) const;

    const psl_ctx_st* suffixes_;  // libpsl's own, never freed
    std::unordered_map<std::string, std::string> known_;
};

}  // namespace mxgate
