// SPDX-License-Identifier: BSD-2-Clause
#include "control/lengths/versions.h"

#include <openssl/evp.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace mxgate {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Empty if the file cannot be read; its reader says why.
std::string sha256_of(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(),
                                                                     EVP_MD_CTX_free);
    std::vector<char> block(1 << 18);
    EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
    while (file.read(block.data(), static_cast<std::streamsize>(block.size())) || file.gcount() > 0)
        EVP_DigestUpdate(context.get(), block.data(), static_cast<size_t>(file.gcount()));
    if (!file.eof())
        return {};
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned bytes = 0;
    EVP_DigestFinal_ex(context.get(), digest, &bytes);
    std::string out;
    for (unsigned i = 0; i < bytes; i++) {
        constexpr char kHex[] = "0123456789abcdef";
        out += kHex[digest[i] >> 4];
        out += kHex[digest[i] & 15];
    }
    return out;
}

int64_t date_of(const std::string& path)
{
    struct stat status {
    };
    return ::stat(path.c_str(), &status) == 0 ? static_cast<int64_t>(status.st_mtime) : 0;
}

std::vector<LengthVersion>::const_iterator find(const std::vector<LengthVersion>& versions,
                                                const std::string& sha256)
{
    return std::find_if(versions.begin(), versions.end(),
                        [&](const LengthVersion& v) { return v.sha256 == sha256; });
}

// The newest that is not refused.
std::optional<LengthVersion> newest(const std::vector<LengthVersion>& versions)
{
    for (size_t i = versions.size(); i-- > 0;)
        if (!versions[i].refused)
            return versions[i];
    return std::nullopt;
}

}  // namespace

std::string LengthVersions::path_of(const std::string& name, uint64_t number) const
{
    return folder_ + '/' + name + '/' + std::to_string(number);
}

std::vector<LengthVersion> LengthVersions::list(const std::string& name) const
{
    const std::string path = folder_ + '/' + name + "/versions.json";
    std::vector<LengthVersion> out;
    std::ifstream file(path);
    if (!file)
        return out;
    const json versions = json::parse(file, nullptr, false);
    try {
        for (const json& v : versions)
            out.push_back({v.at("number"), v.at("date"), v.at("sha256"), v.at("refused")});
    } catch (const json::exception&) {
        throw std::runtime_error(path + ": damaged; remove " + folder_ + '/' + name +
                                 " to begin anew");
    }
    return out;
}

void LengthVersions::store(const std::string& name,
                           const std::vector<LengthVersion>& versions) const
{
    json out = json::array();
    for (const LengthVersion& v : versions)
        out.push_back(
            {{"number", v.number}, {"date", v.date}, {"sha256", v.sha256}, {"refused", v.refused}});
    const std::string path = folder_ + '/' + name + "/versions.json";
    {
        std::ofstream file(path + ".new");
        file << out.dump(1) << '\n';
        file.close();
        if (!file)
            throw std::runtime_error(path + ".new: cannot be written");
    }
    fs::rename(path + ".new", path);
}

LengthChoice LengthVersions::choose(const LengthFeedConfig& feed) const
{
    LengthChoice out;
    out.path = feed.path;
    const std::vector<LengthVersion> versions = list(feed.name);
    if (versions.empty())
        return out;
    const auto now = find(versions, sha256_of(feed.path));
    if (now == versions.end())
        return out;
    if (!now->refused) {
        out.version = *now;
        return out;
    }
    out.refused = *now;
    out.version = newest(versions);
    if (out.version)
        out.path = path_of(feed.name, out.version->number);
    return out;
}

void LengthVersions::keep(const LengthFeedConfig& feed)
{
    std::vector<LengthVersion> versions = list(feed.name);
    const std::string sha256 = sha256_of(feed.path);
    if (sha256.empty() || find(versions, sha256) != versions.end())
        return;
    LengthVersion fresh;
    fresh.number = versions.empty() ? 1 : versions.back().number + 1;
    fresh.date = date_of(feed.path);
    fresh.sha256 = sha256;
    const std::string path = path_of(feed.name, fresh.number);
    fs::create_directories(folder_ + '/' + feed.name);
    fs::copy_file(feed.path, path + ".new", fs::copy_options::overwrite_existing);
    fs::last_write_time(path + ".new", fs::last_write_time(feed.path));
    fs::rename(path + ".new", path);
    if (sha256_of(path) != sha256) {  // it changed meanwhile: the next time, then
        fs::remove(path);
        return;
    }
    versions.push_back(std::move(fresh));
    std::vector<uint64_t> gone;
    while (versions.size() > kKept) {
        gone.push_back(versions.front().number);
        versions.erase(versions.begin());
    }
    store(feed.name, versions);
    for (const uint64_t number : gone)
        fs::remove(path_of(feed.name, number));
}

LengthVersion LengthVersions::roll_back(const LengthFeedConfig& feed)
{
    std::vector<LengthVersion> versions = list(feed.name);
    const LengthChoice choice = choose(feed);
    const std::string now = choice.version ? choice.version->sha256 : sha256_of(feed.path);
    const auto known = find(versions, now);
    const auto place = static_cast<size_t>(known - versions.begin());
    if (known == versions.end()) {
        // Never in force, because it is refused or new; it must not come into force either.
        LengthVersion fresh;
        fresh.number = versions.empty() ? 1 : versions.back().number + 1;
        fresh.date = date_of(feed.path);
        fresh.sha256 = now;
        versions.push_back(std::move(fresh));
    }
    versions[place].refused = true;
    const std::optional<LengthVersion> before = newest(versions);
    if (!before)
        throw std::runtime_error("length feed " + feed.name +
                                 ": no earlier version is kept; nothing is changed");
    store(feed.name, versions);
    return *before;
}

void LengthVersions::forget_refusals(const LengthFeedConfig& feed)
{
    std::vector<LengthVersion> versions = list(feed.name);
    for (LengthVersion& version : versions)
        version.refused = false;
    if (!versions.empty())
        store(feed.name, versions);
}

}  // namespace mxgate
