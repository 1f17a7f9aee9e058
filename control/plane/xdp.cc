// SPDX-License-Identifier: BSD-2-Clause
// The XDP plane: pinned maps, and the program on every configured interface.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>

#include "control/fetch/digest.h"
#include "control/plane/lock_file.h"
#include "control/plane/planes.h"
#include "control/plane/reconcile.h"
#include "control/text/folders.h"
#include "ebpf/sockets_open.h"
#include "ebpf/xdp_plane.h"

namespace mxgate {
namespace {

using nlohmann::json;

AttachWish wish_of(AttachMode mode)
{
    switch (mode) {
        case AttachMode::native:
            return AttachWish::native;
        case AttachMode::generic:
            return AttachWish::generic;
        default:
            return AttachWish::automatic;
    }
}

bool needs_connections(const ClassConfig& c)
{
    const auto in_ceiling = [](const CeilingConfig& ceiling) {
        return ceiling.connections > 0 || ceiling.syn_guard.has_value();
    };
    return in_ceiling(c) || c.total_connections > 0 || c.charge == Charge::handshake ||
           std::any_of(c.levels.begin(), c.levels.end(),
                       [&](const LevelConfig& level) { return in_ceiling(level.ceiling); });
}

// Who limits nothing by handshakes or open connections can do without.
// Whether they are followed.
bool attach_sockets(XdpProgram& program, const Config& config)
{
    try {
        program.attach_sockets();
        return true;
    } catch (const BpfError& error) {
        for (const ClassConfig& c : config.classes)
            if (needs_connections(c))
                throw BpfError("class `" + c.name +
                               "` needs to know of open connections: " + error.what());
        spdlog::warn("open connections are not counted: {}", error.what());
        return false;
    }
}

class XdpGate : public Plane
{
public:
    // `lock`: of who publishes; who reads has none.
    XdpGate(GateMaps maps, const GatePaths& paths, Fd lock)
        : lock_(std::move(lock)), maps_(std::move(maps)), paths_(paths), pin_dir_(paths.pin_dir)
    {
    }

    const char* name() const override { return "xdp"; }

    void engage(const Config& config) override
    {
        const std::vector<Attachment> before = find_attachments(pin_dir_);
        const std::vector<std::string>& wanted = config.gate.interfaces;
        // The interfaces hold the program, not we: it is let go of on every way out.
        auto program = std::make_unique<XdpProgram>(maps_, false);
        try {
            for (const std::string& interface : wanted) {
                const Attachment a = program->attach(interface, wish_of(config.gate.attach));
                spdlog::info("attached to {} in {} mode{}{}", a.interface, a.mode,
                             a.remark.empty() ? "" : ": ", a.remark);
            }
            sockets_ = attach_sockets(*program, config);
            maps_.pin(pin_dir_);
        } catch (const BpfError&) {
            program.reset();
            leave_as(before);
            throw;
        }
        for (const Attachment& old : before)
            if (std::find(wanted.begin(), wanted.end(), old.interface) == wanted.end()) {
                detach_one(pin_dir_, old.interface);
                spdlog::info("detached from {}: no longer in gate.interfaces", old.interface);
            }
        retire_dpdk_plane(paths_);
    }

    void publish(const std::vector<mxg_line>& image) override { maps_.publish(image); }
    void put_overrides(const std::vector<mxg_override>& overrides) override
    {
        maps_.put_overrides(overrides);
    }
    void tick() override
    {
        maps_.count_sources();
        if (sockets_ && monotonic_ns() >= reconcile_at_ns_)
            reconcile();
    }
    uint64_t generation() const override
    {
        return static_cast<uint64_t>(std::max<int64_t>(maps_.generation(), 0));
    }
    std::vector<mxg_line> current_image() const override { return maps_.current_image(); }
    std::vector<CounterValue> counters() const override { return maps_.counters(); }
    std::vector<CounterValue> feed_counters() const override { return maps_.feed_counters(); }
    std::vector<CounterValue> reply_counters() const override { return maps_.reply_counters(); }
    json port_counters() const override { return json::object(); }
    std::vector<uint32_t> connections() const override { return maps_.connections(); }
    std::vector<uint32_t> half_open() override { return maps_.half_open(); }
    void drain_samples(const std::function<void(const mxg_sample&)>& take) override
    {
        maps_.drain_samples(take);
    }
    uint64_t samples_lost() override { return maps_.samples_lost(); }
    bool find_source(const mxg_prefix& prefix, mxg_source* out) override
    {
        return maps_.find_source(prefix, out);
    }
    uint64_t visit_sources(uint64_t from, const VisitSource& visit) override
    {
        return maps_.visit_sources(from, visit);
    }
    SourceFill source_fill() override { return maps_.source_fill(); }
    SourcePressure source_pressure() const override { return maps_.source_pressure(); }
    std::vector<mxg_source> holders() const override { return maps_.holders(); }
    uint64_t source_bytes() const override { return maps_.source_bytes(); }

    json places() override
    {
        json out = json::array();
        for (const Attachment& a : find_attachments(pin_dir_))
            out.push_back({{"interface", a.interface},
                           {"attach", a.mode},
                           {"beside_others", a.beside_others},
                           {"program_id", a.program_id},
                           {"remark", a.remark}});
        return out;
    }

private:
    // After a failure half way: where the gate was not before, it is not now.
    void leave_as(const std::vector<Attachment>& before) const
    {
        try {
            if (before.empty()) {
                detach_all(pin_dir_);
                return;
            }
            for (const Attachment& now : find_attachments(pin_dir_))
                if (std::none_of(before.begin(), before.end(), [&](const Attachment& old) {
                        return old.interface == now.interface;
                    }))
                    detach_one(pin_dir_, now.interface);
        } catch (const BpfError& error) {
            spdlog::error("not all is as it was: {}", error.what());
        }
    }

    // Sets counts of open connections right, now and then.
    void reconcile()
    {
        try {
            const Mapping image = maps_.map_image();
            mxg_gate gate = maps_.gate();
            gate.table = {static_cast<const mxg_line*>(image.data()),
                          static_cast<uint32_t>(image.bytes() / sizeof(mxg_line))};
            if (image.bytes() == 0)
                return;
            const size_t mended = reconciler_.compare(gate, sockets_open());
            if (mended > 0)
                spdlog::info("{} counts of open connections were off and are set right", mended);
        } catch (const PlaneError& error) {
            spdlog::warn("{}", error.what());
        }
        reconcile_at_ns_ =
            monotonic_ns() + (reconciler_.in_doubt() ? kReconcileSoonNs : kReconcileNs);
    }

    static constexpr uint64_t kReconcileNs = 10'000'000'000, kReconcileSoonNs = 1'000'000'000;

    Fd lock_;
    GateMaps maps_;
    GatePaths paths_;
    std::string pin_dir_;
    bool sockets_ = false;  // they are followed
    Reconciler reconciler_;
    uint64_t reconcile_at_ns_ = 0;
};

// Two publishers with other folders, but with the same pins, would take these from each other. The
// lock is not among the pins, which `mxgate detach` takes away while mxgated runs, nor in a folder
// that the two need not share. No descriptor: another one has it.
Fd lock_pins(const GatePaths& paths)
{
    const std::string pins = std::filesystem::weakly_canonical(paths.pin_dir).string();
    const std::string name = "/pins-" + digest_of(pins) + ".lock";
    try {
        return lock_file(Folders().run_dir + name);
    } catch (const PlaneError& error) {
        if (paths.run_dir == Folders().run_dir)
            throw;
        spdlog::warn(
            "{}: another mxgated with the same --pin-dir and another --run-dir would not be "
            "noticed",
            error.what());
        return lock_file(paths.run_dir + name);
    }
}

}  // namespace

std::unique_ptr<Plane> open_xdp_plane(const Config& config, const GatePaths& paths)
{
    Fd lock = lock_pins(paths);
    if (!lock)
        throw PlaneError("another mxgated publishes to the gate pinned under " + paths.pin_dir +
                         "; stop it first, or give this one its own --pin-dir");
    for (const std::string& name : config.gate.interfaces)
        check_interface(name);
    std::vector<std::string> notes;
    GateMaps maps =
        GateMaps::take_over(paths.pin_dir, config.gate.interfaces, config.source_capacity, &notes);
    for (const std::string& note : notes)
        spdlog::warn("{}", note);
    return std::make_unique<XdpGate>(std::move(maps), paths, std::move(lock));
}

std::unique_ptr<Plane> pinned_xdp_plane(const GatePaths& paths)
{
    return std::make_unique<XdpGate>(GateMaps::open_pinned(paths.pin_dir), paths, Fd());
}

// Only by its pins: where there are none, detach_all() would take other gates off.
void retire_xdp_plane(const GatePaths& paths)
{
    std::error_code ignored;
    if (!std::filesystem::exists(paths.pin_dir + "/" + map_name(MapKind::table_slot), ignored))
        return;
    try {
        const Fd lock = lock_pins(paths);
        if (!lock) {
            spdlog::warn(
                "the gate pinned under {} belongs to another mxgated and stays; give this one its "
                "own --pin-dir",
                paths.pin_dir);
            return;
        }
        for (const std::string& interface : detach_all(paths.pin_dir))
            spdlog::info("detached from {}: `gate.plane` is dpdk now", interface);
    } catch (const PlaneError& error) {
        spdlog::error("the gate of the XDP plane is still there, with a table of its own: {}",
                      error.what());
    }
}

}  // namespace mxgate
