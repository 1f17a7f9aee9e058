// SPDX-License-Identifier: BSD-2-Clause
// Messages between this process and one that works for it: a kind, a text, and at most one
// descriptor (SCM_RIGHTS) over a pair of connected sockets.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/state/memory.h"

namespace mxgate {

inline constexpr int kWorkerSocket = 3;  // where mxgate-worker finds its end

enum class MessageKind : uint32_t {
    fetch,     // to the worker: the job, and the file to fetch into
    find,      // to the worker: lists of objects, and the file for what they name
    compile,   // to the worker: the job
    lengths,   // to the worker: the job, and the file for the entries
    open,      // from it: path of a file it wants to read
    opened,    // to it: the file, or without one errno as a number
    progress,  // from it: "GOT ALL", bytes
    failed,    // from it: why it does nothing
    done       // from it: the answer, and the table
};

struct Message {
    MessageKind kind = MessageKind::done;
    std::string text;
    Fd fd;
};

class Channel
{
public:
    static constexpr size_t kMaxText = 64 << 20;

    // `patience`: a peer that leaves half a message, or takes none, is given up after this.
    explicit Channel(Fd socket, std::chrono::seconds patience = std::chrono::seconds(0));

    // Throws std::system_error if the peer is gone or takes nothing.
    void send(MessageKind kind, std::string_view text, int fd = -1);
    // Waits for one; nothing if the peer is gone or makes no sense.
    std::optional<Message> receive();

    int fd() const { return socket_.get(); }

private:
    Fd socket_;
};

}  // namespace mxgate
