// SPDX-License-Identifier: BSD-2-Clause
#include "control/fetch/versions.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "control/fetch/digest.h"

namespace mxgate {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

int64_t date_of(const std::string& path)
{
    struct stat status {
    };
    return ::stat(path.c_str(), &status) == 0 ? static_cast<int64_t>(status.st_mtime) : 0;
}

std::vector<SourceVersion>::const_iterator find(const std::vector<SourceVersion>& versions,
                                                const std::string& sha256)
{
    return std::find_if(versions.begin(), versions.end(),
                        [&](const SourceVersion& v) { return v.sha256 == sha256; });
}

// The newest that is not refused.
std::optional<SourceVersion> newest(const std::vector<SourceVersion>& versions)
{
    for (size_t i = versions.size(); i-- > 0;)
        if (!versions[i].refused)
            return versions[i];
    return std::nullopt;
}

}  // namespace

std::string SourceVersions::sha256_of(const std::string& path) const
{
    struct stat status {
    };
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode))
        return {};
    Known now{status.st_dev, status.st_ino, static_cast<uint64_t>(status.st_size),
              status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec, ""};
    {
        const std::lock_guard lock(mutex_);
        const auto known = known_.find(path);
        if (known != known_.end() && known->second.device == now.device &&
            known->second.inode == now.inode && known->second.size == now.size &&
            known->second.changed_ns == now.changed_ns)
            return known->second.sha256;
    }
    now.sha256 = digest_of_file(path);
    // What was written a moment ago may be written again within the clock's resolution.
    constexpr int64_t kSettledNs = 1'000'000'000;
    timespec clock{};
    clock_gettime(CLOCK_REALTIME, &clock);
    if (clock.tv_sec * 1'000'000'000 + clock.tv_nsec - now.changed_ns > kSettledNs) {
        const std::lock_guard lock(mutex_);
        known_[path] = now;
    }
    return now.sha256;
}

std::string SourceVersions::path_of(const std::string& name, uint64_t number) const
{
    return folder_ + '/' + name + '/' + std::to_string(number);
}

std::vector<SourceVersion> SourceVersions::list(const std::string& name) const
{
    const std::string path = folder_ + '/' + name + "/versions.json";
    std::vector<SourceVersion> out;
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

void SourceVersions::store(const std::string& name,
                           const std::vector<SourceVersion>& versions) const
{
    json out = json::array();
    for (const SourceVersion& v : versions)
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

VersionChoice SourceVersions::choose(const std::string& name, const std::string& path) const
{
    VersionChoice out;
    out.path = path;
    const std::vector<SourceVersion> versions = list(name);
    if (versions.empty())
        return out;
    const auto now = find(versions, sha256_of(path));
    if (now == versions.end())
        return out;
    if (!now->refused) {
        out.version = *now;
        return out;
    }
    out.refused = *now;
    out.version = newest(versions);
    if (out.version)
        out.path = path_of(name, out.version->number);
    return out;
}

VersionChoice SourceVersions::last_good(const std::string& name, const std::string& path) const
{
    VersionChoice out;
    std::vector<SourceVersion> versions = list(name);
    const std::string now = path.empty() || versions.empty() ? "" : sha256_of(path);
    std::erase_if(versions, [&](const SourceVersion& v) { return v.sha256 == now; });
    out.version = newest(versions);
    if (out.version)
        out.path = path_of(name, out.version->number);
    return out;
}

bool SourceVersions::is_newest(const std::string& name, const std::string& path) const
{
    const std::optional<SourceVersion> kept = newest(list(name));
    return kept && kept->sha256 == sha256_of(path);
}

void SourceVersions::keep(const std::string& name, const std::string& path, bool immutable)
{
    std::vector<SourceVersion> versions = list(name);
    const std::string sha256 = sha256_of(path);
    const auto known = find(versions, sha256);
    if (sha256.empty() ||
        (known != versions.end() && (known->refused || newest(versions)->sha256 == sha256)))
        return;
    SourceVersion fresh;
    if (known != versions.end()) {  // it came back
        fresh = *known;
        versions.erase(known);
    } else {
        for (const SourceVersion& v : versions)
            fresh.number = std::max(fresh.number, v.number);
        fresh.number++;
        fresh.date = date_of(path);
        fresh.sha256 = sha256;
        const std::string copy = path_of(name, fresh.number);
        fs::create_directories(folder_ + '/' + name);
        std::error_code no_link;
        fs::remove(copy, no_link);
        if (immutable)
            fs::create_hard_link(path, copy, no_link);
        if (!immutable || no_link) {
            fs::copy_file(path, copy + ".new", fs::copy_options::overwrite_existing);
            fs::last_write_time(copy + ".new", fs::last_write_time(path));
            fs::rename(copy + ".new", copy);
            if (sha256_of(copy) != sha256) {  // it changed meanwhile: the next time, then
                fs::remove(copy);
                return;
            }
        }
    }
    versions.push_back(std::move(fresh));
    std::vector<uint64_t> gone;
    while (versions.size() > kKept) {
        gone.push_back(versions.front().number);
        versions.erase(versions.begin());
    }
    store(name, versions);
    for (const uint64_t number : gone)
        fs::remove(path_of(name, number));
}

SourceVersion SourceVersions::roll_back(const std::string& name, const std::string& path)
{
    std::vector<SourceVersion> versions = list(name);
    const VersionChoice choice = choose(name, path);
    const std::string now = choice.version ? choice.version->sha256 : sha256_of(path);
    const auto known = find(versions, now);
    const auto place = static_cast<size_t>(known - versions.begin());
    if (known == versions.end()) {
        // Never in force, because it is refused or new; it must not come into force either.
        SourceVersion fresh;
        for (const SourceVersion& v : versions)
            fresh.number = std::max(fresh.number, v.number);
        fresh.number++;
        fresh.date = date_of(path);
        fresh.sha256 = now;
        versions.push_back(std::move(fresh));
    }
    versions[place].refused = true;
    const std::optional<SourceVersion> before = newest(versions);
    if (!before)
        throw std::runtime_error(name + ": no earlier version is kept; nothing is changed");
    store(name, versions);
    return *before;
}

void SourceVersions::forget_refusals(const std::string& name)
{
    std::vector<SourceVersion> versions = list(name);
    for (SourceVersion& version : versions)
        version.refused = false;
    if (!versions.empty())
        store(name, versions);
}

}  // namespace mxgate
