// SPDX-License-Identifier: BSD-2-Clause
// The optional RPKI signature of a prefixlen file (RFC 9977 section 6, as RFC 9632 section 5): a
// detached CMS after `# RPKI Signature:`, made with a certificate that holds the addresses.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "control/lengths/length_list.h"

struct x509_store_st;

namespace mxgate {

struct SignatureCheck {
    enum class State { absent, valid, invalid };
    State state = State::absent;
    std::string reason;  // why it is invalid
};

// CA certificates that signatures are verified against: trust anchors, and the CAs between them
// and the signer.
class TrustStore
{
public:
    // `path`: PEM, any number of certificates. `crls`: a file or a folder of files of certificate
    // revocation lists (RFC 5280, RFC 6487), PEM or DER; with them every certificate of a chain
    // must have a list of its issuer that is in date and does not name it. Empty: revocation is
    // not looked at. Throws std::runtime_error.
    explicit TrustStore(const std::string& path, const std::string& crls = "");

    // Whether `text`, a whole file, is signed for all prefixes of `list`, read from it.
    SignatureCheck check(std::string_view text, const LengthList& list) const;

private:
    struct Free {
        void operator()(x509_store_st* store) const;
    };
    std::unique_ptr<x509_store_st, Free> store_;
};

}  // namespace mxgate
