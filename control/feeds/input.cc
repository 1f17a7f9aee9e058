// SPDX-License-Identifier: BSD-2-Clause
#include "control/feeds/input.h"

#include <archive.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "control/config/open_file.h"
#include "control/feeds/words.h"

namespace mxgate {
namespace {

constexpr size_t kBlockBytes = 256 << 10;
// No line of a list is this long: what is, is no list.
constexpr size_t kMaxLineBytes = 1 << 20;

void close_fd(const int* fd)
{
    ::close(*fd);
    delete fd;
}

}  // namespace

void FeedInput::Close::operator()(archive* reader) const
{
    archive_read_free(reader);
}

FeedInput::FeedInput(uint64_t max_size)
    : reader_(archive_read_new()), fd_(nullptr, close_fd), max_size_(max_size)
{
    // Not `all`: some of the others start programs.
    archive_read_support_filter_gzip(reader_.get());
    archive_read_support_filter_bzip2(reader_.get());
    archive_read_support_filter_xz(reader_.get());
    archive_read_support_filter_zstd(reader_.get());
    archive_read_support_format_raw(reader_.get());
    archive_read_support_format_empty(reader_.get());
}

FeedInput FeedInput::of_text(std::string_view bytes, uint64_t max_size)
{
    FeedInput input(max_size);
    input.begin(archive_read_open_memory(input.reader_.get(), bytes.data(), bytes.size()));
    return input;
}

FeedInput FeedInput::of_file(const std::string& path, uint64_t max_size)
{
    FeedInput input(max_size);
    input.open_file(path);
    return input;
}

void FeedInput::open_file(const std::string& path)
{
    const int fd = mxgate::open_file(path);
    if (fd < 0) {
        fail(std::strerror(errno));
        return;
    }
    fd_.reset(new int(fd));
    struct stat status {
    };
    if (::fstat(fd, &status) != 0)
        fail(std::strerror(errno));
    else if (folder_ = S_ISDIR(status.st_mode); folder_)
        fail(std::strerror(EISDIR));
    else
        begin(archive_read_open_fd(reader_.get(), fd, kBlockBytes));
}

void FeedInput::begin(int opened)
{
    archive_entry* entry = nullptr;
    if (opened == ARCHIVE_OK)
        opened = archive_read_next_header(reader_.get(), &entry);
    if (opened == ARCHIVE_EOF)
        ended_ = true;
    else if (opened < ARCHIVE_WARN)
        fail_from_archive();
}

void FeedInput::fail(std::string reason)
{
    ended_ = true;
    window_ = {};
    failure_ = std::move(reason);
}

void FeedInput::fail_from_archive()
{
    const char* reason = archive_error_string(reader_.get());
    fail(fmt::format("cannot be read or unpacked: {}", reason ? reason : "unknown reason"));
}

bool FeedInput::refill()
{
    while (window_.empty() && !ended_) {
        const void* block = nullptr;
        size_t size = 0;
        la_int64_t offset = 0;
        const int got = archive_read_data_block(reader_.get(), &block, &size, &offset);
        if (got == ARCHIVE_EOF) {
            ended_ = true;
        } else if (got < ARCHIVE_WARN) {
            fail_from_archive();
        } else if (size > max_size_ - size_) {
            fail(fmt::format("larger than {} bytes (unpacked); `max_size` sets the bound",
                             max_size_));
        } else {
            const bool first = size_ == 0;
            window_ = {static_cast<const char*>(block), size};
            size_ += size;
            if (first && window_.starts_with("\xef\xbb\xbf"))
                window_.remove_prefix(3);
        }
    }
    return !window_.empty();
}

uint64_t FeedInput::bytes_read() const
{
    return static_cast<uint64_t>(std::max<la_int64_t>(archive_filter_bytes(reader_.get(), -1), 0));
}

bool FeedInput::next_raw_line(std::string_view& line)
{
    if (!refill())
        return false;
    line_++;
    joined_.clear();
    do {
        const size_t end = window_.find('\n');
        line = window_.substr(0, end);
        if (joined_.size() + line.size() > kMaxLineBytes) {
            fail(fmt::format("line {} is longer than {} bytes: this is no list", line_,
                             kMaxLineBytes));
            return false;
        }
        window_.remove_prefix(end == std::string_view::npos ? window_.size() : end + 1);
        if (end != std::string_view::npos && joined_.empty())
            return true;
        joined_.append(line);
        line = joined_;
        if (end != std::string_view::npos)
            return true;
    } while (refill());
    return !failure_;
}

bool FeedInput::next_line(std::string_view& line)
{
    if (!next_raw_line(line))
        return false;
    line = trim(line);
    return true;
}

int FeedInput::get()
{
    const int byte = peek();
    if (byte < 0)
        return byte;
    line_ = std::max(line_, 1u) + (newline_before_ ? 1 : 0);
    newline_before_ = byte == '\n';
    window_.remove_prefix(1);
    return byte;
}

size_t FeedInput::read(void* to, size_t size)
{
    char* at = static_cast<char*>(to);
    size_t left = size;
    while (left > 0 && refill()) {
        const size_t part = std::min(left, window_.size());
        std::memcpy(at, window_.data(), part);
        window_.remove_prefix(part);
        at += part;
        left -= part;
    }
    return size - left;
}

}  // namespace mxgate
