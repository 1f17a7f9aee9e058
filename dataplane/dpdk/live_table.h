// SPDX-License-Identifier: BSD-2-Clause
// The policy table in force, which workers read while another takes its place: they take the
// pointer once a burst and say when they hold none (QSBR, rte_rcu).
#pragma once

#include <memory>

#include "dataplane/core/native.h"
#include "dataplane/state/memory.h"

struct rte_rcu_qsbr;

namespace mxgate {

class LiveTable
{
public:
    explicit LiveTable(uint32_t workers);
    ~LiveTable();
    LiveTable(const LiveTable&) = delete;
    LiveTable& operator=(const LiveTable&) = delete;

    // Verifies a copy of the image, in 2 MiB pages where the kernel has them, and puts it in
    // force. When it returns no worker holds the one before, whose memory is gone. One caller at a
    // time. Throws PlaneError, and then nothing has changed.
    void publish(const mxg_line* lines, size_t count);

    // 0 before the first one.
    uint64_t generation() const;
    size_t bytes() const { return holder_ ? holder_->table.count * sizeof(mxg_line) : 0; }

    // Whether every worker has come round since the last call that said so: one that hangs makes
    // all later calls say no. From the thread that publishes.
    bool workers_go_round();

    // For workers: enter before the first burst, `table` once a burst, `quiet` after it, leave
    // before the thread waits for anything else.
    void enter(uint32_t worker);
    void leave(uint32_t worker);
    const mxg_table& table() const { return *__atomic_load_n(&current_, __ATOMIC_ACQUIRE); }
    void quiet(uint32_t worker);

private:
    struct Holder {
        Mapping memory;
        mxg_table table{};
    };
    static constexpr mxg_table kNone{nullptr, 0};

    void wait_for_readers();

    std::unique_ptr<rte_rcu_qsbr, void (*)(rte_rcu_qsbr*)> readers_;
    const mxg_table* current_ = &kNone;
    uint64_t round_ = 0;
    std::unique_ptr<Holder> holder_;
};

}  // namespace mxgate
