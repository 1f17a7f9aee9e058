// SPDX-License-Identifier: BSD-2-Clause
#include "control/text/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace mxgate {
namespace {

constexpr auto kFirst = std::chrono::milliseconds(500);  // what is done by then shows nothing
constexpr auto kPause = std::chrono::milliseconds(200);
constexpr size_t kBarWidth = 30;

std::string bar_of(uint64_t done, uint64_t whole)
{
    const uint64_t share = std::min<uint64_t>(done * 100 / whole, 100);
    std::string bar(kBarWidth, ' ');
    std::fill_n(bar.begin(), share * kBarWidth / 100, '=');
    return fmt::format(" [{}] {:3} %", bar, share);
}

}  // namespace

Progress::Progress(std::string what, uint64_t whole)
    : what_(std::move(what)),
      whole_(whole),
      terminal_(::isatty(STDERR_FILENO) != 0),
      next_(std::chrono::steady_clock::now() + kFirst)
{
}

Progress::~Progress()
{
    if (shown_)
        fmt::print(stderr, "\r\x1b[K");
}

void Progress::show(uint64_t count, uint64_t done)
{
    if (!terminal_)
        return;
    const auto now = std::chrono::steady_clock::now();
    if (now < next_)
        return;
    next_ = now + kPause;
    shown_ = true;
    fmt::print(stderr, "\r{} {}{}\x1b[K", what_, count, whole_ > 0 ? bar_of(done, whole_) : "");
}

}  // namespace mxgate
