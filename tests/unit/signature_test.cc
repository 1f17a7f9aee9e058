// SPDX-License-Identifier: BSD-2-Clause
// Signed prefixlen files, made here with a trust anchor, a CA and a signer of their own.
#include "control/lengths/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "control/lengths/csv.h"
#include "tests/reference/policy_case.h"
#include "tests/unit/length_texts.h"

namespace mxgate {
namespace {

using ::testing::HasSubstr;
using State = SignatureCheck::State;

struct Key {
    std::shared_ptr<EVP_PKEY> key;
    std::shared_ptr<X509> certificate;
};

void extend(X509* certificate, X509* issuer, int nid, const char* value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
    ASSERT_NE(extension, nullptr) << value;
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

// `issuer` null: signs itself.
Key make(const char* name, const Key* issuer, const char* addresses, bool ca)
{
    Key out{{EVP_EC_gen("P-256"), EVP_PKEY_free}, {X509_new(), X509_free}};
    X509* x = out.certificate.get();
    X509_set_version(x, 2);
    static long serial = 1;
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, out.key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    const Key& by = issuer ? *issuer : out;
    X509_set_issuer_name(x, X509_get_subject_name(by.certificate.get()));
    extend(x, by.certificate.get(), NID_basic_constraints, ca ? "critical,CA:TRUE" : "CA:FALSE");
    extend(x, by.certificate.get(), NID_key_usage,
           ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
    extend(x, by.certificate.get(), NID_subject_key_identifier, "hash");
    if (addresses)
        extend(x, by.certificate.get(), NID_sbgp_ipAddrBlock, addresses);
    EXPECT_GT(X509_sign(x, by.key.get(), EVP_sha256()), 0);
    return out;
}

// The revocation list of `issuer`, which names `revoked` (null: nobody), good for an hour from
// `begins` seconds on.
std::shared_ptr<X509_CRL> revocation_list(const Key& issuer, const Key* revoked, long begins = -60)
{
    std::shared_ptr<X509_CRL> out(X509_CRL_new(), X509_CRL_free);
    X509_CRL_set_version(out.get(), 1);
    X509_CRL_set_issuer_name(out.get(), X509_get_subject_name(issuer.certificate.get()));
    const std::unique_ptr<ASN1_TIME, void (*)(ASN1_TIME*)> from(X509_gmtime_adj(nullptr, begins),
                                                                ASN1_TIME_free);
    const std::unique_ptr<ASN1_TIME, void (*)(ASN1_TIME*)> to(
        X509_gmtime_adj(nullptr, begins + 3600), ASN1_TIME_free);
    X509_CRL_set1_lastUpdate(out.get(), from.get());
    X509_CRL_set1_nextUpdate(out.get(), to.get());
    if (revoked) {
        X509_REVOKED* entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->certificate.get()));
        X509_REVOKED_set_revocationDate(entry, from.get());
        X509_CRL_add0_revoked(out.get(), entry);
    }
    X509_CRL_sort(out.get());
    EXPECT_GT(X509_CRL_sign(out.get(), issuer.key.get(), EVP_sha256()), 0);
    return out;
}

std::string with_crlf(const std::string& text)
{
    std::string out;
    for (const char c : text)
        out += c == '\n' ? "\r\n" : std::string(1, c);
    return out;
}

// `text` with the signature of `signer` behind it.
std::string signed_text(const std::string& text, const Key& signer, const char* type)
{
    const std::string content = with_crlf(text);
    BIO* in = BIO_new_mem_buf(content.data(), static_cast<int>(content.size()));
    const unsigned flags = CMS_BINARY | CMS_DETACHED | CMS_PARTIAL | CMS_USE_KEYID;
    CMS_ContentInfo* cms = CMS_sign(nullptr, nullptr, nullptr, in, flags);
    ASN1_OBJECT* oid = OBJ_txt2obj(type, 1);
    CMS_set1_eContentType(cms, oid);
    CMS_add1_signer(cms, signer.certificate.get(), signer.key.get(), EVP_sha256(), flags);
    EXPECT_EQ(CMS_final(cms, in, nullptr, flags), 1);
    unsigned char* der = nullptr;
    const int bytes = i2d_CMS_ContentInfo(cms, &der);
    std::string base64(static_cast<size_t>(bytes) * 2, '\0');
    base64.resize(static_cast<size_t>(
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(base64.data()), der, bytes)));
    OPENSSL_free(der);
    ASN1_OBJECT_free(oid);
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    std::string out = text + "# RPKI Signature: 2001:db8::/32\n";
    for (size_t i = 0; i < base64.size(); i += 64)
        out += "# " + base64.substr(i, 64) + '\n';
    return out + "# End Signature: 2001:db8::/32\n";
}

constexpr char kType[] = "1.2.840.113549.1.9.16.1.57";
const std::string kText = "# an ISP\n2001:db8::/32,56,\n2001:db8:ff00::/40,64,\n";

class Signature : public ::testing::Test
{
protected:
    Signature()
        : anchor_(make("anchor", nullptr, "critical,IPv6:2001:d00::/24,IPv4:192.0.2.0/24", true)),
          ca_(make("ca", &anchor_, "critical,IPv6:2001:db8::/32,IPv4:192.0.2.0/24", true))
    {
    }

    std::string store(const std::vector<const Key*>& keys) const
    {
        const std::string path = folder_.path() + "/store.pem";
        FILE* file = std::fopen(path.c_str(), "w");
        for (const Key* key : keys)
            PEM_write_X509(file, key->certificate.get());
        std::fclose(file);
        return path;
    }

    SignatureCheck check(const std::string& text, const std::string& crls = "") const
    {
        FeedInput input = length_input(text);
        const LengthList list = read_prefixlen(input);
        return TrustStore(store({&anchor_, &ca_}), crls).check(text, list);
    }

    // A folder of these lists, every other one in PEM.
    std::string folder_of(const std::vector<std::shared_ptr<X509_CRL>>& lists) const
    {
        const std::string path = folder_.path() + "/crls";
        std::filesystem::remove_all(path);
        std::filesystem::create_directory(path);
        for (size_t i = 0; i < lists.size(); i++) {
            FILE* file = std::fopen((path + "/" + std::to_string(i) + ".crl").c_str(), "w");
            if (i % 2 == 0)
                i2d_X509_CRL_fp(file, lists[i].get());
            else
                PEM_write_X509_CRL(file, lists[i].get());
            std::fclose(file);
        }
        return path;
    }

    reference::TemporaryFolder folder_;
    Key anchor_, ca_;
};

TEST_F(Signature, Valid)
{
    const Key signer = make("signer", &ca_, "critical,IPv6:2001:db8::/32", false);
    const std::string text = signed_text(kText, signer, kType);
    const SignatureCheck result = check(text);
    EXPECT_EQ(result.state, State::valid) << result.reason;
    EXPECT_EQ(check(with_crlf(text)).state, State::valid);  // lines end as they may
}

TEST_F(Signature, Absent)
{
    EXPECT_EQ(check(kText).state, State::absent);
}

TEST_F(Signature, AnyChangeOfTheText)
{
    const Key signer = make("signer", &ca_, "critical,IPv6:2001:db8::/32", false);
    const std::string text = signed_text(kText, signer, kType);
    for (size_t i = 0; i < kText.size(); i++) {
        std::string changed = text;
        changed[i] = changed[i] == '6' ? '5' : '6';
        EXPECT_NE(check(changed).state, State::valid) << i;
    }
    EXPECT_EQ(check(text + "2001:db8:1::/48,48,\n").state, State::invalid);
    EXPECT_EQ(check("2001:db8:1::/48,48,\n" + text).state, State::invalid);
}

TEST_F(Signature, AddressesThatTheSignerDoesNotHold)
{
    const Key narrow = make("narrow", &ca_, "critical,IPv6:2001:db8::/33", false);
    EXPECT_THAT(check(signed_text(kText, narrow, kType)).reason,
                HasSubstr("does not hold all prefixes"));
    const Key none = make("none", &ca_, nullptr, false);
    EXPECT_EQ(check(signed_text(kText, none, kType)).state, State::invalid);
    const Key inherits = make("inherits", &ca_, "critical,IPv6:inherit", false);
    EXPECT_EQ(check(signed_text(kText, inherits, kType)).state, State::invalid);
    // More than its CA holds.
    const Key wide = make("wide", &ca_, "critical,IPv6:2001:db8::/31", false);
    EXPECT_EQ(check(signed_text(kText, wide, kType)).state, State::invalid);
}

TEST_F(Signature, OtherSignersAndOtherContent)
{
    const Key stranger = make("stranger", nullptr, "critical,IPv6:2001:db8::/32", true);
    const Key other = make("other", &stranger, "critical,IPv6:2001:db8::/32", false);
    EXPECT_EQ(check(signed_text(kText, other, kType)).state, State::invalid);
    const Key signer = make("signer", &ca_, "critical,IPv6:2001:db8::/32", false);
    EXPECT_THAT(check(signed_text(kText, signer, "1.2.840.113549.1.9.16.1.47")).reason,
                HasSubstr("another type of content"));
}

TEST_F(Signature, BrokenBlocks)
{
    const std::string begin = kText + "# RPKI Signature: 2001:db8::/32\n";
    const std::string end = "# End Signature: 2001:db8::/32\n";
    EXPECT_THAT(check(begin).reason, "the signature has no last line");
    EXPECT_THAT(check(begin + "# !!\n" + end).reason, "the signature is no CMS");
    EXPECT_THAT(check(begin + "QUJD\n" + end).reason,
                "a line of the signature does not begin with `# `");
    EXPECT_THAT(check(begin + end).reason, "the signature is no CMS");
    EXPECT_THAT(check(begin + "# QUJD\n# End Signature: 192.0.2.0/24\n").reason,
                "the signature's first and last line name different ranges");
    EXPECT_THROW(TrustStore(folder_.path() + "/none"), std::runtime_error);
}

TEST_F(Signature, RevocationLists)
{
    const Key signer = make("signer", &ca_, "critical,IPv6:2001:db8::/32", false);
    const Key other = make("other", &ca_, "critical,IPv6:2001:db8::/32", false);
    const Key stranger = make("stranger", nullptr, nullptr, true);
    const std::string text = signed_text(kText, signer, kType);
    const auto of_anchor = revocation_list(anchor_, nullptr);
    const auto reason = [&](const std::vector<std::shared_ptr<X509_CRL>>& lists) {
        return check(text, folder_of(lists)).reason;
    };
    EXPECT_EQ(reason({of_anchor, revocation_list(ca_, nullptr)}), "");
    EXPECT_EQ(reason({revocation_list(ca_, &other), of_anchor}), "");
    // The signer, or the CA above it.
    EXPECT_THAT(reason({of_anchor, revocation_list(ca_, &signer)}), HasSubstr("revoked"));
    EXPECT_THAT(reason({revocation_list(anchor_, &ca_), revocation_list(ca_, nullptr)}),
                HasSubstr("revoked"));
    // A newer list counts, whoever comes first.
    EXPECT_THAT(
        reason({of_anchor, revocation_list(ca_, &signer), revocation_list(ca_, nullptr, -600)}),
        HasSubstr("revoked"));
    // Who has no list, one that is out of date, or one that somebody else made, proves nothing.
    EXPECT_THAT(reason({of_anchor}), HasSubstr("unable to get certificate CRL"));
    EXPECT_THAT(reason({of_anchor, revocation_list(stranger, nullptr)}),
                HasSubstr("unable to get certificate CRL"));
    EXPECT_THAT(reason({of_anchor, revocation_list(ca_, nullptr, -7200)}),
                HasSubstr("CRL has expired"));
    EXPECT_THAT(reason({of_anchor, revocation_list(ca_, nullptr, 1800)}),
                HasSubstr("CRL is not yet valid"));
    Key liar = stranger;  // the name of the CA, another key
    X509_set_subject_name(liar.certificate.get(), X509_get_subject_name(ca_.certificate.get()));
    EXPECT_NE(reason({of_anchor, revocation_list(liar, nullptr)}), "");
    // One file of several.
    const std::string one = folder_.path() + "/all.pem";
    FILE* file = std::fopen(one.c_str(), "w");
    for (const auto& list : {of_anchor, revocation_list(ca_, &signer)})
        PEM_write_X509_CRL(file, list.get());
    std::fclose(file);
    EXPECT_THAT(check(text, one).reason, HasSubstr("revoked"));
    EXPECT_EQ(check(text).reason, "") << "without lists";
    // What is no list is told, not passed over.
    std::ofstream(one) << "nonsense";
    EXPECT_THROW(check(text, one), std::runtime_error);
    EXPECT_THROW(check(text, folder_.path() + "/none"), std::runtime_error);
    EXPECT_THROW(check(text, folder_of({})), std::runtime_error);
}

TEST_F(Signature, RaisesTheOrigin)
{
    const Key signer = make("signer", &ca_, "critical,IPv6:2001:db8::/32", false);
    reference::PolicyCase policy = reference::PolicyCase::from_yaml(
        "gate:\n  services:\n    - {name: mx, addresses: [192.0.2.25]}\n");
    policy.add_length_feed("signed", LengthFormat::prefixlen);
    policy.add_length_feed("forged", LengthFormat::prefixlen);
    Config& config = policy.config;
    config.trust_store = store({&anchor_, &ca_});
    for (size_t i = 0; i < 2; i++)
        config.length_feeds[i].path = folder_.path() + "/" + config.length_feeds[i].name;
    const std::string text = signed_text(kText, signer, kType);
    std::ofstream(config.length_feeds[0].path) << text;
    std::ofstream(config.length_feeds[1].path) << "2001:db8::/48,60,\n" << text;
    const CompileResult result = compile(config, 1);
    ASSERT_TRUE(result.table);
    EXPECT_EQ(result.lengths.at(0).origin, LengthOrigin::signed_prefixlen);
    EXPECT_EQ(result.lengths.at(1).origin, LengthOrigin::prefixlen);
    EXPECT_EQ(result.diagnostics.size(), 1u);
    const TableView view = TableReader(*result.table)
                               .ask(reference::to_core(reference::address("2001:db8::1")))
                               .canonical;
    EXPECT_EQ(view.end_site_length, 56);
    EXPECT_STREQ(length_origin(*result.table, view), "signed-prefixlen");
}

}  // namespace
}  // namespace mxgate
