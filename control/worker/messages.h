// SPDX-License-Identifier: BSD-2-Clause
// Jobs and answers as texts (JSON). Of an answer is believed what only the worker can know: how
// many entries, what is wrong with them. What is too large, nested too deep, not of the form, or
// not about the job throws std::exception.
#pragma once

#include <string>
#include <vector>

#include "control/fetch/http.h"
#include "control/gate/list_compile.h"
#include "control/lengths/file_round.h"

namespace mxgate {

struct FetchJob {
    FetchConfig from;
    uint64_t max_bytes = 0;
    Validators known;
    bool prefixlen = false;  // only a prefixlen file will do
};

std::string to_text(const FetchJob& job);
FetchJob fetch_job_from(const std::string& text);

std::string to_text(const std::vector<ObjectList>& objects);
std::vector<ObjectList> object_lists_from(const std::string& text);

std::string to_text(const FetchResult& result);
FetchResult fetch_result_from(const std::string& text);

// One source of lengths.
struct LengthsJob {
    std::string file, config;  // as CompileJob has them
    std::string name, path;    // of the source, and of the version to read
};

std::string to_text(const LengthsJob& job);
LengthsJob lengths_job_from(const std::string& text);

// What entries go as through a file. Of bytes that are not those of entries, in order, throws
// std::invalid_argument.
std::string bytes_of(const std::vector<LengthEntry>& entries);
std::vector<LengthEntry> length_entries_from(const std::string& bytes);

// The configuration goes as it was written.
std::string to_text(const CompileJob& job);
CompileJob compile_job_from(const std::string& text);

// Without the table; `with_table`: there is one, so each list has a version in force.
std::string to_text(const CompileAnswer& answer);
CompileAnswer compile_answer_from(const std::string& text, const CompileJob& job, bool with_table);

}  // namespace mxgate
