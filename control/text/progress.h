// SPDX-License-Identifier: BSD-2-Clause
// How far long work is, on a terminal: one line of standard error that is written over and goes
// away at the end. Elsewhere nothing is written.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace mxgate {

class Progress
{
public:
    // `what`: "mail.log: arrivals". `whole`: the work in units of `done`; 0: not known.
    explicit Progress(std::string what, uint64_t whole = 0);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    // Cheap: writes nothing in the first half of a second, then a few times a second at most.
    void show(uint64_t count, uint64_t done);
    // Where the whole is known only on the way.
    void show(uint64_t count, uint64_t done, uint64_t whole)
    {
        whole_ = whole;
        show(count, done);
    }

private:
    std::string what_;
    uint64_t whole_;
    bool terminal_, shown_ = false;
    std::chrono::steady_clock::time_point next_;
};

}  // namespace mxgate
