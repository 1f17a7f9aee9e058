// SPDX-License-Identifier: BSD-2-Clause
// A real gate that follows its feeds, for tests end to end. Its plane's process is away: the whole
// of mxgated but for packets.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <optional>
#include <thread>

#include "control/gate/gate.h"
#include "control/net/address_text.h"
#include "tests/reference/policy_case.h"

namespace mxgate {

class FeedGate : public ::testing::Test
{
protected:
    static constexpr const char* kGood = "2001:db8:bad::/48\n198.51.100.0/24\n203.0.113.0/24\n";

    std::string file(const std::string& name) const { return folder_.path() + "/" + name; }
    void write(const std::string& name, const std::string& text) const
    {
        std::ofstream(file(name) + ".new") << text;
        std::filesystem::rename(file(name) + ".new", file(name));
    }
    // `feeds`: lines of the list; `rest`: further sections.
    void configure(const std::string& feeds, const std::string& rest = "") const
    {
        write("gate.yaml",
              "gate:\n"
              "  plane: dpdk\n"
              "  dpdk: {ports: [net_null0, net_null1]}\n"
              "  services: [{name: mx, addresses: [\"2001:db8:2::25\", 192.0.2.25]}]\n" +
                  rest + "feeds:\n" + feeds);
    }
    void start()
    {
        gate_.reset();
        gate_.emplace(GatePaths{file("gate.yaml"), file("run"), file("state"), file("pins")});
        gate_->start();
        gate_->follow_feeds();
        seen_ = 0;
    }

    // What was fetched of a feed was last found at its source that long ago.
    void restart_after(const std::string& feed, int64_t seconds)
    {
        gate_.reset();
        const std::string path = file("state/fetched/feeds/" + feed + ".json");
        nlohmann::json stored = nlohmann::json::parse(std::ifstream(path));
        stored["fetched"] = seconds_now() - seconds;
        std::ofstream(path) << stored;
        start();
    }

    std::string class_of(const std::string& address)
    {
        return gate_->explain(*parse_address(address)).at("class");
    }
    uint64_t generation() { return gate_->status().at("table").at("generation"); }
    nlohmann::json feed(const std::string& name)
    {
        for (const nlohmann::json& list : gate_->feeds())
            if (list.at("name") == name)
                return list;
        return nullptr;
    }

    // The newest version that is kept of a feed gets that old.
    void set_version_age(const std::string& feed, int64_t seconds) const
    {
        const std::string path = file("state/feeds/" + feed + "/versions.json");
        nlohmann::json versions = nlohmann::json::parse(std::ifstream(path));
        versions.back()["date"] = seconds_now() - seconds;
        std::ofstream(path) << versions;
    }

    int64_t version_date(const std::string& feed) const
    {
        const std::string path = file("state/feeds/" + feed + "/versions.json");
        return nlohmann::json::parse(std::ifstream(path)).back().at("date");
    }

    static bool await(const std::function<bool()>& is_so)
    {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (!is_so() && std::chrono::steady_clock::now() < end)
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return is_so();
    }
    // The next event of this kind after the one that was awaited last: its text, or nothing.
    std::string next_event(const std::string& kind)
    {
        std::string text;
        await([&] {
            for (const nlohmann::json& event : gate_->events(seen_, 1000))
                if (event.at("kind") == kind) {
                    text = event.at("text");
                    seen_ = event.at("number");
                    return true;
                }
            return false;
        });
        return text;
    }
    void forget_events()
    {
        for (const nlohmann::json& event : gate_->events(0, 1000))
            seen_ = event.at("number");
    }

    reference::TemporaryFolder folder_;
    std::optional<Gate> gate_;
    uint64_t seen_ = 0;
};

// One whose feeds are local files.
class GateFiles : public FeedGate
{
protected:
    ~GateFiles() override { gate_.reset(); }
    static std::string list(const std::string& name, const std::string& path,
                            const std::string& class_name, const std::string& more = "")
    {
        return "  - {name: " + name + ", format: prefixes, path: " + path +
               ", class: " + class_name + more + "}\n";
    }
    // One that is fetched: a program prints a file.
    std::string fetched(const std::string& name, const std::string& path,
                        const std::string& more = "") const
    {
        write("fetch.sh", "#!/bin/sh\ncat \"$1\"\n");
        for (const std::string& each :
             {folder_.path(), file("fetch.sh")})  // for somebody else to run
            std::filesystem::permissions(each, std::filesystem::perms(0755));
        return "  - {name: " + name + ", format: prefixes, class: bad, refresh: 1h, exec: [" +
               file("fetch.sh") + ", " + file(path) + "]" + more + "}\n";
    }
    void set_age(const std::string& name, int seconds) const
    {
        const timespec then{std::time(nullptr) - seconds, 0}, both[] = {then, then};
        ::utimensat(AT_FDCWD, file(name).c_str(), both, 0);
    }
};

}  // namespace mxgate
