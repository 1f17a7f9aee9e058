// SPDX-License-Identifier: BSD-2-Clause
// How lists are opened: by this process, or, where it has no right to, by one that has.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace mxgate {

// A descriptor to read a file or a folder from, `-` for standard input; a FIFO does not hold it
// up. -1 with errno where that fails.
int open_file(const std::string& path);

// The Unix time at which a file was written, of a folder the newest of its files; 0: not known.
int64_t date_of(const std::string& path);

// From now on open_file() does this, and date_of() no more than it. To be called before there are
// threads.
void open_files_by(std::function<int(const std::string&)> open);

}  // namespace mxgate
