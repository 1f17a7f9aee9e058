// SPDX-License-Identifier: BSD-2-Clause
// The bytes of a feed, as lines or as they come; gzip, bzip2, xz and zstd are unpacked on the way,
// told by content, so that a list of any size takes little memory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct archive;

namespace mxgate {

class FeedInput
{
public:
    // Bytes in memory, which must outlive this.
    static FeedInput of_text(std::string_view bytes, uint64_t max_size);
    // `-`: standard input.
    static FeedInput of_file(const std::string& path, uint64_t max_size);

    // The next line without its end and without blanks around it; false at the end of the feed.
    // A byte order mark before the first line is skipped. Valid until the next call.
    bool next_line(std::string_view& line);
    // The next line with its blanks.
    bool next_raw_line(std::string_view& line);

    // The next byte, -1 at the end.
    int get();
    int peek() { return refill() ? static_cast<unsigned char>(window_[0]) : -1; }
    // Up to `size` bytes; fewer only at the end.
    size_t read(void* to, size_t size);

    // Of the line given last, or the one that the last byte stands in; from 1.
    uint32_t line() const { return line_; }

    // That of_file() was given a folder, which is a failure.
    bool is_folder() const { return folder_; }

    // Of the file, packed as it is, so far.
    uint64_t bytes_read() const;

    // Why the feed ended early: it cannot be read, is truncated, or larger than `max_size`.
    const std::optional<std::string>& failure() const { return failure_; }

private:
    struct Close {
        void operator()(archive* reader) const;
    };
    explicit FeedInput(uint64_t max_size);

    void open_file(const std::string& path);
    void begin(int opened);
    bool refill();  // false at the end
    void fail(std::string reason);
    void fail_from_archive();

    std::unique_ptr<archive, Close> reader_;
    std::unique_ptr<const int, void (*)(const int*)> fd_;
    uint64_t max_size_;
    uint64_t size_ = 0;        // unpacked so far
    std::string_view window_;  // unpacked and not yet taken
    std::string joined_;       // a line that does not lie in one window
    uint32_t line_ = 0;
    bool newline_before_ = false;  // of get(): the line ends before the next byte
    bool ended_ = false, folder_ = false;
    std::optional<std::string> failure_;
};

}  // namespace mxgate
