// SPDX-License-Identifier: BSD-2-Clause
#include "control/lengths/signature.h"

#include <dirent.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <unistd.h>

#include <memory>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "control/config/open_file.h"
#include "control/config/text.h"
#include "control/feeds/words.h"

namespace mxgate {
namespace {

constexpr char kContentType[] = "1.2.840.113549.1.9.16.1.57";  // id-ct-prefixlenCSVwithCRLF
constexpr uint64_t kMaxCrls = 256 << 20;  // bytes: all of the RPKI has a third of this
constexpr std::string_view kBegin = "# RPKI Signature:";
constexpr std::string_view kEnd = "# End Signature:";

template <class T, void (*free_function)(T*)>
struct Freed {
    void operator()(T* object) const { free_function(object); }
};
void free_bio(BIO* bio)
{
    BIO_free_all(bio);
}
void free_signers(STACK_OF(X509) * signers)
{
    sk_X509_free(signers);  // the certificates belong to the message
}
void free_blocks(IPAddrBlocks* blocks)
{
    sk_IPAddressFamily_pop_free(blocks, IPAddressFamily_free);
}
using Bio = std::unique_ptr<BIO, Freed<BIO, free_bio>>;
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using Crl = std::unique_ptr<X509_CRL, Freed<X509_CRL, X509_CRL_free>>;
using Cms = std::unique_ptr<CMS_ContentInfo, Freed<CMS_ContentInfo, CMS_ContentInfo_free>>;
using Oid = std::unique_ptr<ASN1_OBJECT, Freed<ASN1_OBJECT, ASN1_OBJECT_free>>;
using Signers = std::unique_ptr<STACK_OF(X509), Freed<STACK_OF(X509), free_signers>>;
using Blocks = std::unique_ptr<IPAddrBlocks, Freed<IPAddrBlocks, free_blocks>>;

std::string last_error(const char* otherwise)
{
    const char* more = nullptr;  // "Verify error: certificate revoked"
    int flags = 0;
    const unsigned long code = ERR_peek_last_error_data(&more, &flags);
    const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
    std::string out = reason != nullptr ? reason : otherwise;
    if (more != nullptr && (flags & ERR_TXT_STRING) != 0 && *more != '\0')
        out += std::string(": ") + more;
    ERR_clear_error();
    return out;
}

struct SignedText {
    bool has_signature = false;
    std::string content;  // what is signed: every line with CRLF
    std::string base64;
    std::string error;
};

SignedText split(std::string_view text)
{
    SignedText out;
    std::string_view range;
    bool ended = false;
    if (text.starts_with("\xef\xbb\xbf"))
        text.remove_prefix(3);
    while (!text.empty() && out.error.empty()) {
        const size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        if (ended) {
            if (!trim(line).empty())
                out.error = "there is text after the signature";
        } else if (!out.has_signature && line.starts_with(kBegin)) {
            out.has_signature = true;
            range = trim(line.substr(kBegin.size()));
        } else if (!out.has_signature) {
            out.content.append(line);
            out.content += "\r\n";
        } else if (line.starts_with(kEnd)) {
            ended = true;
            if (trim(line.substr(kEnd.size())) != range)
                out.error = "the signature's first and last line name different ranges";
        } else if (line.starts_with("# ")) {
            out.base64.append(trim(line.substr(2)));
        } else {
            out.error = "a line of the signature does not begin with `# `";
        }
    }
    if (out.has_signature && !ended && out.error.empty())
        out.error = "the signature has no last line";
    return out;
}

Cms decode(const std::string& base64)
{
    std::vector<unsigned char> der(base64.size() / 4 * 3 + 3);
    int bytes = EVP_DecodeBlock(der.data(), reinterpret_cast<const unsigned char*>(base64.data()),
                                static_cast<int>(base64.size()));
    if (bytes < 0)
        return nullptr;
    for (size_t i = base64.size(); i > 0 && base64[i - 1] == '='; i--)
        bytes--;
    const unsigned char* at = der.data();
    return Cms(d2i_CMS_ContentInfo(nullptr, &at, bytes));
}

// Why the certificate does not hold all the addresses; empty: it does.
std::string check_addresses(X509* signer, const LengthList& list)
{
    const Blocks held(static_cast<IPAddrBlocks*>(
        X509_get_ext_d2i(signer, NID_sbgp_ipAddrBlock, nullptr, nullptr)));
    if (!held || X509v3_addr_inherits(held.get()))
        return "the signer's certificate names no addresses of its own";
    const Blocks stated(sk_IPAddressFamily_new_null());
    const LengthEntry* outer = nullptr;  // what lies inside needs no looking at, nor may overlap
    for (const LengthEntry& entry : list.entries) {
        if (outer && mxg_contains(prefix_of(*outer), prefix_of(entry).address))
            continue;
        outer = &entry;
        unsigned char bytes[16];
        for (size_t i = 0; i < 16; i++)
            bytes[i] =
                static_cast<unsigned char>((i < 8 ? entry.hi : entry.lo) >> (56 - i % 8 * 8));
        const unsigned afi = entry.family == MXG_FAMILY_IPV4 ? IANA_AFI_IPV4 : IANA_AFI_IPV6;
        if (!X509v3_addr_add_prefix(stated.get(), afi, nullptr, bytes, entry.length))
            return last_error("out of memory");
    }
    if (!X509v3_addr_canonize(stated.get()))
        return last_error("the addresses of the file cannot be compared");
    if (!X509v3_addr_subset(stated.get(), held.get()))
        return "the signer's certificate does not hold all prefixes of the file";
    return {};
}

std::string verify(const SignedText& text, const LengthList& list, X509_STORE* store)
{
    const Cms cms = decode(text.base64);
    if (!cms)
        return "the signature is no CMS";
    const Oid wanted(OBJ_txt2obj(kContentType, 1));
    if (OBJ_cmp(CMS_get0_eContentType(cms.get()), wanted.get()) != 0)
        return "the signature is for another type of content";
    const Bio content(BIO_new_mem_buf(text.content.data(), static_cast<int>(text.content.size())));
    if (CMS_verify(cms.get(), nullptr, store, content.get(), nullptr, CMS_BINARY | CMS_DETACHED) !=
        1)
        return last_error("it does not verify");
    const Signers signers(CMS_get0_signers(cms.get()));
    if (!signers || sk_X509_num(signers.get()) != 1)
        return "the signature has not exactly one signer";
    return check_addresses(sk_X509_value(signers.get(), 0), list);
}

// `path` itself, or the files in that folder; hidden ones and what editors leave are none.
std::vector<std::string> files_of(const std::string& path)
{
    struct Close {
        void operator()(DIR* folder) const { ::closedir(folder); }
    };
    const int fd = open_file(path);
    const std::unique_ptr<DIR, Close> folder(fd < 0 ? nullptr : ::fdopendir(fd));
    if (!folder) {
        if (fd >= 0)
            ::close(fd);
        return {path};  // its reader says what is wrong
    }
    std::vector<std::string> out;
    while (const dirent* entry = ::readdir(folder.get())) {
        const std::string_view name = entry->d_name;
        if (!name.starts_with('.') && !name.ends_with('~') && entry->d_type != DT_DIR)
            out.push_back(path + '/' + entry->d_name);
    }
    return out;
}

// Gives the size of the file; throws std::runtime_error.
uint64_t add_crls(X509_STORE* store, const std::string& path, uint64_t most)
{
    std::string text;
    if (const auto failure = read_file(path, most, text))
        throw std::runtime_error(path + ": " + *failure);
    size_t count = 0;
    const Bio bytes(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    while (const Crl one{PEM_read_bio_X509_CRL(bytes.get(), nullptr, nullptr, nullptr)})
        count += X509_STORE_add_crl(store, one.get()) == 1 ? 1 : 0;
    ERR_clear_error();
    const auto* der = reinterpret_cast<const unsigned char*>(text.data());
    if (count == 0) {
        const Crl one(d2i_X509_CRL(nullptr, &der, static_cast<long>(text.size())));
        count += one && X509_STORE_add_crl(store, one.get()) == 1 ? 1 : 0;
    }
    if (count == 0)
        throw std::runtime_error(path + ": " + last_error("no revocation list to be read"));
    return text.size();
}

}  // namespace

void TrustStore::Free::operator()(x509_store_st* store) const
{
    X509_STORE_free(store);
}

TrustStore::TrustStore(const std::string& path, const std::string& crls) : store_(X509_STORE_new())
{
    constexpr size_t kMaxBytes = 64 << 20;
    std::string text;
    if (const auto failure = read_file(path, kMaxBytes, text))
        throw std::runtime_error(path + ": " + *failure);
    const Bio bytes(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    size_t count = 0;
    while (const Certificate one{PEM_read_bio_X509_AUX(bytes.get(), nullptr, nullptr, nullptr)})
        count += store_ && X509_STORE_add_cert(store_.get(), one.get()) == 1 ? 1 : 0;
    if (count == 0)
        throw std::runtime_error(path + ": " + last_error("no certificates to be read"));
    ERR_clear_error();
    if (crls.empty())
        return;
    uint64_t read = 0;
    const std::vector<std::string> files = files_of(crls);
    for (const std::string& file : files)
        read += add_crls(store_.get(), file, kMaxCrls - read);
    if (files.empty())
        throw std::runtime_error(crls + ": there is no file in it");
    X509_STORE_set_flags(store_.get(), X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
}

SignatureCheck TrustStore::check(std::string_view text, const LengthList& list) const
{
    SignatureCheck out;
    const SignedText parts = split(text);
    if (!parts.has_signature)
        return out;
    ERR_clear_error();
    out.reason = parts.error.empty() ? verify(parts, list, store_.get()) : parts.error;
    ERR_clear_error();
    out.state = out.reason.empty() ? SignatureCheck::State::valid : SignatureCheck::State::invalid;
    return out;
}

}  // namespace mxgate
