// SPDX-License-Identifier: BSD-2-Clause
// Packed bytes for tests.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace mxgate {

// `filter`: gzip, bzip2, xz or zstd.
inline std::string pack(std::string_view text, const char* filter)
{
    const std::unique_ptr<archive, int (*)(archive*)> writer(archive_write_new(),
                                                             archive_write_free);
    const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(),
                                                                         archive_entry_free);
    std::string out(text.size() + (1 << 20), '\0');
    size_t used = 0;
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_write_set_format_raw(writer.get());
    archive_write_set_bytes_in_last_block(writer.get(), 1);
    if (archive_write_add_filter_by_name(writer.get(), filter) != ARCHIVE_OK ||
        archive_write_open_memory(writer.get(), out.data(), out.size(), &used) != ARCHIVE_OK ||
        archive_write_header(writer.get(), entry.get()) != ARCHIVE_OK ||
        archive_write_data(writer.get(), text.data(), text.size()) !=
            static_cast<la_ssize_t>(text.size()) ||
        archive_write_close(writer.get()) != ARCHIVE_OK)
        throw std::runtime_error(archive_error_string(writer.get()));
    out.resize(used);
    return out;
}

}  // namespace mxgate
