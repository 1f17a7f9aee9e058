// SPDX-License-Identifier: BSD-2-Clause
// Files that a power cut leaves whole. All of this throws std::system_error, which names the file.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace mxgate {

// Waits until the disk has what a file holds, or a folder's names.
void sync_to_disk(const std::string& path);

// Gives `fresh`, which the disk has, the name `path` in the same folder, in place of what has it.
void put_in_place(const std::string& fresh, const std::string& path);

// Replaces what `path` holds: whoever reads it, whenever, sees the old text or the new one.
void write_durably(const std::string& path, std::string_view text, mode_t mode = 0644);

}  // namespace mxgate
