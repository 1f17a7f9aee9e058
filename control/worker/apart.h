// SPDX-License-Identifier: BSD-2-Clause
// Reading what came from the network in processes apart: `mxgate-worker`, one for each job, without
// privileges and under seccomp (sandbox.h). It opens no list itself; it asks for those of its job,
// and is handed descriptors. A table comes back in a sealed memfd and is verified here.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "control/fetch/http.h"
#include "control/gate/list_compile.h"
#include "control/lengths/file_round.h"

namespace mxgate {

// There is no answer: the process could not be started, died, or made no sense.
class WorkerError : public std::runtime_error
{
public:
    using std::runtime_error::runtime_error;
};

// As fetch_source(). A worker that dies is a failure like that of a server.
FetchResult fetch_apart(const FetchConfig& from, uint64_t max_bytes, const Validators& known,
                        int fd, const std::atomic<bool>* cancel = nullptr,
                        const FetchProgress& progress = {});

// As fetch_prefixlen_file() and find_references(): control/lengths/file_round.h.
FetchResult fetch_prefixlen_file_apart(const FetchConfig& from, uint64_t max_bytes,
                                       const Validators& known, int fd,
                                       const std::atomic<bool>* cancel);
std::string find_references_apart(const std::vector<ObjectList>& objects, int fd);

// As read_length_file(), of a source of `config`: entries and error.
LengthList read_length_file_apart(const Config& config, const std::string& name,
                                  const std::string& path);

// As compile_lists(); `progress` is told of the bytes of lists that are read. Throws WorkerError.
CompileAnswer compile_apart(const CompileJob& job, const FetchProgress& progress = {});

}  // namespace mxgate
