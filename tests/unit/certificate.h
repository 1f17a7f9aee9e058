// SPDX-License-Identifier: BSD-2-Clause
// A certificate authority of a test's own.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

namespace mxgate {

struct Certificate {
    std::shared_ptr<X509> certificate;
    std::shared_ptr<EVP_PKEY> key;

    void write(const std::string& certificate_path, const std::string& key_path) const
    {
        FILE* file = std::fopen(certificate_path.c_str(), "w");
        PEM_write_X509(file, certificate.get());
        std::fclose(file);
        file = std::fopen(key_path.c_str(), "w");
        PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
        std::fclose(file);
    }
};

// Signed by `issuer`, or by itself: then it is an authority. `names`: `DNS:…` or `IP:…`.
inline Certificate make_certificate(const std::string& common_name, const std::string& names,
                                    const Certificate* issuer)
{
    Certificate out;
    out.key = {EVP_EC_gen("P-256"), EVP_PKEY_free};
    out.certificate = {X509_new(), X509_free};
    X509* x509 = out.certificate.get();
    static long serial = 1;
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, out.key.get());
    X509_NAME* subject = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                               0);
    const Certificate& signer = issuer ? *issuer : out;
    X509_set_issuer_name(x509, X509_get_subject_name(signer.certificate.get()));
    X509V3_CTX context;
    X509V3_set_ctx(&context, signer.certificate.get(), x509, nullptr, nullptr, 0);
    const auto extend = [&](int kind, const std::string& value) {
        const std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> extension(
            X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()), X509_EXTENSION_free);
        if (!extension || X509_add_ext(x509, extension.get(), -1) != 1)
            throw std::runtime_error("bad extension " + value);
    };
    extend(NID_basic_constraints, issuer ? "CA:FALSE" : "critical,CA:TRUE");
    if (!names.empty())
        extend(NID_subject_alt_name, names);
    if (X509_sign(x509, signer.key.get(), EVP_sha256()) == 0)
        throw std::runtime_error("cannot sign");
    return out;
}

}  // namespace mxgate
