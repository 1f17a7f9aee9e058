// SPDX-License-Identifier: BSD-2-Clause
#include "control/fetch/versions.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "control/config/open_file.h"
#include "control/fetch/digest.h"
#include "control/fetch/durable.h"
#include "control/text/json.h"

namespace mxgate {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// The files of a folder, in one order.
std::vector<fs::path> files_of(const std::string& folder)
{
    std::vector<fs::path> out;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored))
        if (entry.is_regular_file(ignored))
            out.push_back(entry.path());
    std::sort(out.begin(), out.end());
    return out;
}

// Durable, and as old as what it is a copy of.
void copy_durably(const fs::path& from, const fs::path& to)
{
    fs::copy_file(from, to, fs::copy_options::overwrite_existing);
    fs::last_write_time(to, fs::last_write_time(from));
    sync_to_disk(to);
}

void copy_list(const std::string& from, const std::string& to)
{
    if (!fs::is_directory(from))
        return copy_durably(from, to);
    fs::create_directory(to);
    for (const fs::path& file : files_of(from))
        copy_durably(file, to / file.filename());
    sync_to_disk(to);
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

std::string stamp_of(const std::string& path)
{
    struct stat status {
    };
    if (::stat(path.c_str(), &status) != 0)
        return {};
    std::string out = fmt::format("{}:{} {} {}.{};", status.st_dev, status.st_ino, status.st_size,
                                  status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    if (S_ISDIR(status.st_mode))
        for (const fs::path& file : files_of(path))
            out += stamp_of(file);
    return out;
}

std::string SourceVersions::sha256_of(const std::string& path) const
{
    struct stat status {
    };
    if (::stat(path.c_str(), &status) != 0)
        return {};
    if (S_ISDIR(status.st_mode))
        return sha256_of_folder(path);
    if (!S_ISREG(status.st_mode))
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
    // What was written a moment ago may be written again within the clock's resolution, a tick.
    constexpr int64_t kSettledNs = 40'000'000;
    timespec clock{};
    clock_gettime(CLOCK_REALTIME, &clock);
    if (clock.tv_sec * 1'000'000'000 + clock.tv_nsec - now.changed_ns > kSettledNs) {
        const std::lock_guard lock(mutex_);
        known_[path] = now;
    }
    return now.sha256;
}

std::string SourceVersions::sha256_of_folder(const std::string& path) const
{
    std::stringstream all;
    for (const fs::path& file : files_of(path))
        all << sha256_of(file) << ' ' << file.filename().string() << '\0';
    return digest_of(all.str());
}

std::string SourceVersions::path_of(const std::string& name, uint64_t number) const
{
    return folder_ + '/' + name + '/' + std::to_string(number);
}

bool SourceVersions::knows(const std::string& name) const
{
    return fs::exists(folder_ + '/' + name);
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
            out.push_back({whole<uint64_t>(v.at("number")), whole<int64_t>(v.at("date")),
                           v.at("sha256"), v.at("refused")});
    } catch (const json::exception&) {
        if (!damaged_)
            throw std::runtime_error(path + ": damaged; remove " + folder_ + '/' + name +
                                     " to begin anew");
        std::error_code ignored;
        fs::rename(path, path + ".broken", ignored);
        damaged_(name, path +
                           ": damaged, and set aside as versions.json.broken: no earlier version "
                           "is known, and nothing is rolled back any more");
        return {};
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
    write_durably(folder_ + '/' + name + "/versions.json", out.dump(1) + '\n');
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

void SourceVersions::keep(const std::string& name, const std::string& path,
                          const std::optional<std::string>& stamp)
{
    const std::lock_guard one(changing_);
    std::vector<SourceVersion> versions = list(name);
    const std::string sha256 = sha256_of(path);
    const auto known = find(versions, sha256);
    if (sha256.empty() ||
        (known != versions.end() && (known->refused || newest(versions)->sha256 == sha256)))
        return;
    // Looked at after the sum: what the sum is of was there all the time.
    if (stamp && *stamp != stamp_of(path))
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
        fs::remove_all(copy);
        if (!stamp)
            fs::create_hard_link(path, copy, no_link);
        if (stamp || no_link) {
            fs::remove_all(copy + ".new");
            copy_list(path, copy + ".new");
            fs::rename(copy + ".new", copy);
            if (sha256_of(copy) != sha256) {  // it changed meanwhile: the next time, then
                fs::remove_all(copy);
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
        fs::remove_all(path_of(name, number));
}

void SourceVersions::confirm(const std::string& name, const std::string& path, int64_t now)
{
    const std::lock_guard one(changing_);
    std::vector<SourceVersion> versions = list(name);
    if (versions.empty())
        return;
    const auto known = find(versions, sha256_of(path));
    if (known == versions.end())
        return;
    versions[static_cast<size_t>(known - versions.begin())].date = now;
    store(name, versions);
}

SourceVersion SourceVersions::roll_back(const std::string& name, const std::string& path)
{
    const std::lock_guard one(changing_);
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
    const std::lock_guard one(changing_);
    std::vector<SourceVersion> versions = list(name);
    // Of what was never in force there is a record so that it is refused, and no file.
    std::erase_if(versions, [&](const SourceVersion& version) {
        return version.refused && !fs::exists(path_of(name, version.number));
    });
    for (SourceVersion& version : versions)
        version.refused = false;
    if (!versions.empty())
        store(name, versions);
}

void SourceVersions::restore(const std::string& name, const std::vector<SourceVersion>& before)
{
    const std::lock_guard one(changing_);
    store(name, before);
}

}  // namespace mxgate
