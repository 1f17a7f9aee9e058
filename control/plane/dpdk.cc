// SPDX-License-Identifier: BSD-2-Clause
// The DPDK plane: mxgate-dpdk, a process of its own, which may be away.
#include <spdlog/spdlog.h>

#include <filesystem>
#include <optional>
#include <system_error>

#include "control/plane/planes.h"
#include "dataplane/dpdk/handover.h"
#include "dataplane/dpdk/plane_state.h"
#include "dataplane/image/verify.h"
#include "dataplane/state/overrides.h"

namespace mxgate {
namespace {

using nlohmann::json;

const mxg_image_header& header_of(const std::vector<mxg_line>& image)
{
    return *reinterpret_cast<const mxg_image_header*>(image.data());
}

uint64_t generation_of(const std::vector<mxg_line>& image)
{
    return header_of(image).generation;
}

// The same table, by which everything passes and is counted.
std::vector<mxg_line> monitoring(std::vector<mxg_line> image)
{
    auto* header = reinterpret_cast<mxg_image_header*>(image.data());
    header->flags |= MXG_FLAG_MONITOR;
    header->checksum = image_checksum(image.data(), image.size());
    return image;
}

class DpdkGate : public Plane
{
public:
    explicit DpdkGate(const GatePaths& paths)
        : paths_(paths), dir_(plane_dir(paths.run_dir)), link_(handover_path(paths.run_dir))
    {
    }

    const char* name() const override { return "dpdk"; }

    void engage(const Config&) override
    {
        tick();
        if (!state_)
            spdlog::warn("mxgate-dpdk does not run yet; it gets the table when it does");
    }

    void publish(const std::vector<mxg_line>& image) override
    {
        Fd sealed = sealed_image(image);
        if (link_.connected())
            hand_over(sealed);  // refused: the one before stays, here too
        else if (wanted_ && generation_of(read_sealed(wanted_)) == generation_of(image))
            attach_wanted_ = true;
        served_ = link_.connections();
        wanted_ = std::move(sealed);
        if (link_.connected())
            open_state();
    }

    void put_overrides(const std::vector<mxg_override>& overrides) override
    {
        if (state_)
            mxgate::put_overrides(&state_->state().overrides, overrides);
        by_hand_ = overrides;
    }

    void tick() override
    {
        hand_over_again();
        if (!state_)
            return;
        sweep_.step(state_->buckets(), state_->source_settings());
        half_open_.step(state_->seen(), state_->source_settings(), monotonic_ns());
    }

    // A gate of the XDP plane stays until this one has a table.
    void hand_over(const Fd& image)
    {
        link_.hand_over(image);
        attach_wanted_ = false;
        retire_xdp_plane(paths_);
    }

    // A new connection is a new process, or one that has seen another mxgated.
    void hand_over_again()
    {
        if (!link_.connected() || served_ == link_.connections())
            return;
        served_ = link_.connections();
        try {
            open_state();
            if (!wanted_)
                return;
            const std::vector<mxg_line> image = read_sealed(wanted_);
            const bool detached = !attach_wanted_ && is_detached(image);
            hand_over(sealed_image(detached ? monitoring(image) : image));
            spdlog::info("mxgate-dpdk has the policy table{}",
                         detached ? ", and monitors only: it is detached" : "");
        } catch (const PlaneError& error) {
            spdlog::error("{}", error.what());
        }
    }

    // `mxgate detach` left this table to a process before: that holds until `mxgate attach`.
    bool is_detached(const std::vector<mxg_line>& image) const
    {
        const std::vector<mxg_line> kept = current_image();
        return !kept.empty() && generation_of(kept) == generation_of(image) &&
               (header_of(kept).flags & MXG_FLAG_MONITOR) != 0;
    }

    // Only to read: what the last process left.
    void open_state()
    {
        state_.emplace(PlaneState::open(dir_));
        sweep_ = {};
        half_open_ = {};
        if (by_hand_)
            mxgate::put_overrides(&state_->state().overrides, *by_hand_);
    }

    uint64_t generation() const override
    {
        return state_ && state_->alive() ? state_->state().meta.generation : 0;
    }
    std::vector<mxg_line> current_image() const override { return PlaneState::read_table(dir_); }
    std::vector<CounterValue> counters() const override
    {
        return state_ ? state_->counters() : std::vector<CounterValue>{};
    }
    std::vector<CounterValue> feed_counters() const override
    {
        return state_ ? state_->feed_counters() : std::vector<CounterValue>{};
    }
    std::vector<CounterValue> reply_counters() const override
    {
        return state_ ? state_->reply_counters() : std::vector<CounterValue>{};
    }
    json port_counters() const override
    {
        json out = json::object();
        if (state_)
            for (const CounterValue& value : state_->port_counters())
                out[port_counter_name(value.index)] = value.packets;
        return out;
    }
    std::vector<uint32_t> connections() const override
    {
        if (!state_)
            return {};
        const auto& open = state_->state().connections;
        return {open, open + MXG_MAX_CLASSES};
    }
    std::vector<uint32_t> half_open() override
    {
        if (!state_)
            return {};
        return half_open_.begun()
                   ? half_open_.of_classes()
                   : mxgate::half_open(state_->seen(), state_->source_settings(), monotonic_ns());
    }
    void drain_samples(const std::function<void(const mxg_sample&)>& take) override
    {
        if (state_)
            drain_rings(state_->state().rings, kMaxWorkers, take);
    }
    uint64_t samples_lost() override
    {
        return state_ ? mxgate::samples_lost(state_->state().rings, kMaxWorkers) : 0;
    }
    bool find_source(const mxg_prefix& prefix, mxg_source* out) override
    {
        return state_ &&
               mxgate::find_source(state_->buckets(), state_->source_settings(), prefix, out);
    }
    uint64_t visit_sources(uint64_t from, const VisitSource& visit) override
    {
        return state_ ? mxgate::visit_sources(state_->buckets(), state_->source_settings(), from,
                                              visit)
                      : 0;
    }
    SourceFill source_fill() override
    {
        if (!state_)
            return {};
        return sweep_.begun() ? sweep_.fill(state_->source_settings())
                              : mxgate::source_fill(state_->buckets(), state_->source_settings());
    }
    SourcePressure source_pressure() const override
    {
        return state_ ? state_->source_pressure() : SourcePressure{};
    }
    std::vector<mxg_source> holders() const override { return sweep_.holders(); }
    uint64_t source_bytes() const override
    {
        return state_ ? mxgate::source_bytes(state_->source_settings()) : 0;
    }

    json places() override
    {
        if (!state_ || !state_->alive())
            return json::array();
        const auto& ports = state_->state().meta.ports;
        json out = json::parse(ports, ports + ::strnlen(ports, sizeof(ports)), nullptr, false);
        return out.is_array() ? out : json::array();
    }

private:
    GatePaths paths_;
    std::string dir_;
    HandoverClient link_;
    uint64_t served_ = 0;         // the connection that has the table
    Fd wanted_;                   // the image that is to be in force
    bool attach_wanted_ = false;  // since there is nobody to tell: `mxgate attach` came meanwhile
    std::optional<PlaneState> state_;
    std::optional<std::vector<mxg_override>> by_hand_;  // nothing yet: as they are
    SourceSweep sweep_;
    HalfOpenSweep half_open_;
};

}  // namespace

std::unique_ptr<Plane> open_dpdk_plane(const GatePaths& paths)
{
    auto out = std::make_unique<DpdkGate>(paths);
    out->tick();
    return out;
}

std::unique_ptr<Plane> kept_dpdk_plane(const GatePaths& paths)
{
    std::error_code error;
    if (!std::filesystem::exists(plane_dir(paths.run_dir) + "/state", error) &&
        error == std::errc::permission_denied)  // who may not look does not know
        throw PlaneError("cannot look at " + plane_dir(paths.run_dir) + ": " + error.message());
    auto out = std::make_unique<DpdkGate>(paths);
    out->open_state();
    return out;
}

bool disengage_dpdk(const GatePaths& paths)
{
    HandoverClient link(handover_path(paths.run_dir));
    const std::vector<mxg_line> image = PlaneState::read_table(plane_dir(paths.run_dir));
    if (!link.connected())
        return false;
    if (image.empty())
        throw PlaneError("mxgate-dpdk keeps no table under " + plane_dir(paths.run_dir));
    link.hand_over(sealed_image(monitoring(image)));
    return true;
}

void retire_dpdk_plane(const GatePaths& paths)
{
    try {
        if (disengage_dpdk(paths))
            spdlog::warn(
                "mxgate-dpdk still runs, and `gate.plane` is xdp: it monitors only now, everything "
                "passes it; stop it");
    } catch (const PlaneError& error) {
        spdlog::error("mxgate-dpdk still runs, and `gate.plane` is xdp; stop it: {}", error.what());
    }
}

std::unique_ptr<Plane> find_plane(const GatePaths& paths)
{
    std::string none;
    for (const auto open : {pinned_xdp_plane, kept_dpdk_plane}) {
        try {
            return open(paths);
        } catch (const PlaneError& missing) {
            none += (none.empty() ? "" : "; ") + std::string(missing.what());
        }
    }
    throw PlaneError(none);
}

}  // namespace mxgate
