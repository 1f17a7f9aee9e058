// SPDX-License-Identifier: BSD-2-Clause
#include "control/fetch/digest.h"

#include <openssl/evp.h>

#include <fstream>
#include <memory>
#include <vector>

namespace mxgate {
namespace {

class Sha256
{
public:
    Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free)
    {
        EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
    }
    void take(const char* bytes, size_t size) { EVP_DigestUpdate(context_.get(), bytes, size); }
    std::string hex()
    {
        constexpr char kHex[] = "0123456789abcdef";
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned bytes = 0;
        EVP_DigestFinal_ex(context_.get(), digest, &bytes);
        std::string out;
        for (unsigned i = 0; i < bytes; i++) {
            out += kHex[digest[i] >> 4];
            out += kHex[digest[i] & 15];
        }
        return out;
    }

private:
    std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

}  // namespace

std::string digest_of(std::string_view bytes)
{
    Sha256 digest;
    digest.take(bytes.data(), bytes.size());
    return digest.hex();
}

std::string digest_of_file(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    Sha256 digest;
    std::vector<char> block(1 << 18);
    while (file.read(block.data(), static_cast<std::streamsize>(block.size())) || file.gcount() > 0)
        digest.take(block.data(), static_cast<size_t>(file.gcount()));
    return file.eof() ? digest.hex() : std::string{};
}

}  // namespace mxgate
