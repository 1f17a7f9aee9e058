// SPDX-License-Identifier: BSD-2-Clause
#include "control/config/text.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>

#include "control/config/open_file.h"

namespace mxgate {
namespace {

constexpr size_t kMaxQuoted = 80;

size_t edit_distance(std::string_view a, std::string_view b)
{
    std::vector<size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 0; i < a.size(); i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b.size(); j++) {
            const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

}  // namespace

std::string show(std::string_view text)
{
    std::string out = "`";
    for (const char c : text.substr(0, kMaxQuoted)) {
        if (c >= ' ' && c <= '~')
            out += c;
        else
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
    out += text.size() > kMaxQuoted ? "...`" : "`";
    return out;
}

std::string lower(std::string_view text)
{
    std::string out(text);
    for (char& c : out)
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return out;
}

std::string_view nearest(std::string_view text, const std::vector<std::string_view>& candidates)
{
    std::string_view best;
    size_t best_distance = SIZE_MAX;
    for (const std::string_view candidate : candidates) {
        const size_t distance = edit_distance(text.substr(0, kMaxQuoted), candidate);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

std::optional<std::string> read_file(const std::string& path, size_t max_bytes, std::string& out)
{
    out.clear();
    const int fd = open_file(path);
    if (fd < 0)
        return std::strerror(errno);
    struct stat status {
    };
    size_t filled = 0;
    size_t room = 65536;  // one byte more than the file, so that the end is seen without growing
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        room = std::min(static_cast<size_t>(status.st_size), max_bytes) + 1;
    std::optional<std::string> failure;
    for (;;) {
        if (filled == out.size())
            out.resize(std::max(room, filled * 2));
        const ssize_t got = read(fd, out.data() + filled, out.size() - filled);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            failure = std::strerror(errno);
        if (got <= 0)
            break;
        filled += static_cast<size_t>(got);
        if (filled > max_bytes) {
            failure = fmt::format("larger than {} bytes", max_bytes);
            break;
        }
    }
    close(fd);
    out.resize(failure ? 0 : filled);
    return failure;
}

}  // namespace mxgate
