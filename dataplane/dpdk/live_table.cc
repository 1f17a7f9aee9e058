// SPDX-License-Identifier: BSD-2-Clause
#include "dataplane/dpdk/live_table.h"

#include <rte_rcu_qsbr.h>

#include <cstdlib>
#include <cstring>
#include <ctime>

#include "dataplane/image/verify.h"

namespace mxgate {
namespace {

constexpr size_t kHugePage = 2 << 20;

rte_rcu_qsbr* make_readers(uint32_t workers)
{
    void* memory = nullptr;
    if (::posix_memalign(&memory, RTE_CACHE_LINE_SIZE, rte_rcu_qsbr_get_memsize(workers)) != 0)
        throw PlaneError("no memory for the workers' states");
    auto* out = static_cast<rte_rcu_qsbr*>(memory);
    rte_rcu_qsbr_init(out, workers);
    return out;
}

}  // namespace

LiveTable::LiveTable(uint32_t workers)
    : readers_(make_readers(workers), [](rte_rcu_qsbr* memory) { std::free(memory); })
{
}

LiveTable::~LiveTable() = default;

void LiveTable::publish(const mxg_line* lines, size_t count)
{
    auto fresh = std::make_unique<Holder>();
    fresh->memory = Mapping(-1, count * sizeof(mxg_line) + kHugePage, true);
    const auto start = reinterpret_cast<uintptr_t>(fresh->memory.data());
    auto* copy = reinterpret_cast<mxg_line*>((start + kHugePage - 1) / kHugePage * kHugePage);
    fresh->memory.wish_huge_pages();
    if (count != 0)
        std::memcpy(copy, lines, count * sizeof(mxg_line));
    if (const std::string error = verify_image(copy, count); !error.empty())
        throw PlaneError("the policy table is refused: " + error);
    fresh->table = {copy, static_cast<uint32_t>(count)};
    __atomic_store_n(&current_, &fresh->table, __ATOMIC_RELEASE);
    wait_for_readers();
    holder_ = std::move(fresh);
}

// Asleep, not spinning: on a core that a worker has, that would only keep it from going on.
void LiveTable::wait_for_readers()
{
    const uint64_t token = rte_rcu_qsbr_start(readers_.get());
    const timespec pause{0, 50'000};
    while (rte_rcu_qsbr_check(readers_.get(), token, false) != 1)
        ::nanosleep(&pause, nullptr);
}

bool LiveTable::workers_go_round()
{
    if (rte_rcu_qsbr_check(readers_.get(), round_, false) != 1)
        return false;
    round_ = rte_rcu_qsbr_start(readers_.get());
    return true;
}

uint64_t LiveTable::generation() const
{
    const mxg_line* lines = holder_ ? holder_->table.lines : nullptr;
    return lines ? reinterpret_cast<const mxg_image_header*>(lines)->generation : 0;
}

void LiveTable::enter(uint32_t worker)
{
    rte_rcu_qsbr_thread_register(readers_.get(), worker);
    rte_rcu_qsbr_thread_online(readers_.get(), worker);
}

void LiveTable::leave(uint32_t worker)
{
    rte_rcu_qsbr_thread_offline(readers_.get(), worker);
    rte_rcu_qsbr_thread_unregister(readers_.get(), worker);
}

void LiveTable::quiet(uint32_t worker)
{
    rte_rcu_qsbr_quiescent(readers_.get(), worker);
}

}  // namespace mxgate
