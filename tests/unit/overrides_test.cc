// SPDX-License-Identifier: BSD-2-Clause
// What is set by hand: the memory that planes read beside a walk over the list, and the list's
// file.
#include "control/gate/overrides.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "control/net/address_text.h"
#include "dataplane/state/memory.h"
#include "dataplane/state/overrides.h"
#include "tests/reference/policy_case.h"

namespace mxgate {
namespace {

using ::testing::HasSubstr;

mxg_prefix prefix(const std::string& text)
{
    return parse_prefix(text).value().prefix;
}

mxg_override record(const mxg_prefix& prefix, uint8_t class_id)
{
    mxg_override out{};
    out.hi = prefix.address.hi;
    out.lo = prefix.address.lo;
    out.until_ns = UINT64_MAX;
    out.family = static_cast<uint8_t>(prefix.address.family);
    out.length = static_cast<uint8_t>(prefix.length);
    out.class_id = class_id;
    return out;
}

TEST(OverrideTable, FindsTheLongestPrefix)
{
    std::mt19937_64 random(5);
    const auto shared = std::make_unique<mxg_overrides>();
    for (int round = 0; round < 200; round++) {
        std::vector<mxg_override> all;
        const size_t count = random() % (MXG_OVERRIDES + 1);
        uint8_t lengths[MXG_OVERRIDE_LENGTHS];
        for (uint8_t& length : lengths)
            length = static_cast<uint8_t>(random() % 129);
        while (all.size() < count) {
            const bool six = random() % 2;
            const uint32_t family = six ? MXG_FAMILY_IPV6 : MXG_FAMILY_IPV4;
            const uint32_t length = lengths[random() % MXG_OVERRIDE_LENGTHS] % (six ? 129 : 33);
            // Few different ones, so that they nest.
            mxg_address address{random() << 60, six ? random() & 7 : 0, family, 0};
            const mxg_override fresh = record({mxg_cut(address, length), length}, random() % 16);
            if (std::none_of(all.begin(), all.end(), [&](const mxg_override& o) {
                    return o.family == fresh.family && o.length == length && o.hi == fresh.hi &&
                           o.lo == fresh.lo;
                }))
                all.push_back(fresh);
            else if (random() % 64 == 0)
                break;
        }
        put_overrides(shared.get(), all);
        for (int i = 0; i < 500; i++) {
            const bool six = random() % 2;
            const mxg_address address{random() << 60, six ? random() & 7 : 0,
                                      six ? MXG_FAMILY_IPV6 : MXG_FAMILY_IPV4, 0};
            const mxg_override* best = nullptr;
            for (const mxg_override& o : all)
                if (mxg_contains({{o.hi, o.lo, o.family, 0}, o.length}, address) &&
                    (!best || o.length > best->length))
                    best = &o;
            const mxg_override* found = mxg_find_override(shared.get(), &address);
            ASSERT_EQ(found != nullptr, best != nullptr);
            if (best) {
                ASSERT_EQ(found->length, best->length);
                ASSERT_EQ(found->class_id, best->class_id);
            }
        }
    }
}

TEST(OverrideTable, RefusesWhatHasNoRoomAndKeepsWhatIsThere)
{
    const auto shared = std::make_unique<mxg_overrides>();
    put_overrides(shared.get(), {record(prefix("2001:db8::/32"), 3)});
    std::vector<mxg_override> many(MXG_OVERRIDES + 1, record(prefix("192.0.2.0/24"), 1));
    EXPECT_THROW(put_overrides(shared.get(), many), PlaneError);
    std::vector<mxg_override> lengths;
    for (uint32_t length = 1; length <= MXG_OVERRIDE_LENGTHS + 1; length++)
        lengths.push_back(record({{0, 0, MXG_FAMILY_IPV6, 0}, length}, 1));
    EXPECT_THROW(put_overrides(shared.get(), lengths), PlaneError);
    const mxg_address inside = prefix("2001:db8::1").address;
    ASSERT_NE(mxg_find_override(shared.get(), &inside), nullptr);
    EXPECT_EQ(mxg_find_override(shared.get(), &inside)->class_id, 3);
}

class OverrideFile : public ::testing::Test
{
protected:
    void SetUp() override
    {
        for (const auto& [name, action] :
             {std::pair{"good", Action::pass}, std::pair{"unknown", Action::limit},
              std::pair{"bad", Action::drop}}) {
            ClassConfig c;
            c.name = name;
            c.action = action;
            config_.classes.push_back(c);
            info_.classes.push_back({name, "", false});
        }
        info_.config = "gate.yaml";
    }
    Override made(const OverrideRequest& request) { return to_override(request, config_, 1000); }
    std::string refused(const OverrideRequest& request)
    {
        try {
            made(request);
        } catch (const std::invalid_argument& error) {
            return error.what();
        }
        return "taken";
    }

    Config config_;
    TableInfo info_;
    reference::TemporaryFolder folder_;
    std::string path_ = folder_.path() + "/overrides.json";
};

TEST_F(OverrideFile, WordsBecomeClasses)
{
    EXPECT_EQ(made({"192.0.2.1", "", true, {}, "", ""}).class_name, "good");
    EXPECT_EQ(made({"192.0.2.1", "", false, {}, "", ""}).class_name, "bad");
    EXPECT_EQ(made({"192.0.2.1", "unknown", {}, 1'500'000'000, "", ""}).until, 1002);
    EXPECT_THAT(refused({"192.0.2.1", "unknwon", {}, {}, "", ""}), HasSubstr("no class `unknwon`"));
    EXPECT_THAT(refused({"192.0.2.1/24", "bad", {}, {}, "", ""}), HasSubstr("192.0.2.0/24?"));
    EXPECT_THAT(refused({"::ffff:192.0.2.1", "bad", {}, {}, "", ""}), HasSubstr("IPv4 prefix"));
    EXPECT_THAT(refused({"192.0.2.1", "bad", {}, 0, "", ""}), HasSubstr("no time at all"));
    EXPECT_THAT(refused({"x", "bad", {}, {}, "", ""}), HasSubstr("`x` is not"));
    config_.classes.erase(config_.classes.begin());
    EXPECT_THAT(refused({"192.0.2.1", "", true, {}, "", ""}), HasSubstr("no class has"));
}

TEST_F(OverrideFile, IsReadAgain)
{
    {
        Overrides list(path_);
        EXPECT_EQ(list.load(), "");
        list.set(made({"2001:db8::/32", "bad", {}, {}, "ticket \"7\"", "uid 0"}));
        list.set(made({"2001:db8:1::/48", "good", {}, 60'000'000'000, "", "uid 0"}));
        list.set(made({"2001:db8::/32", "unknown", {}, {}, "changed", "uid 7"}));
        list.set(made({"192.0.2.0/24", "bad", {}, {}, "", ""}));
        EXPECT_TRUE(list.forget(prefix("192.0.2.0/24")));
        EXPECT_FALSE(list.forget(prefix("192.0.2.0/24")));
    }
    Overrides list(path_);
    EXPECT_EQ(list.load(), "");
    ASSERT_EQ(list.all().size(), 2u);
    const mxg_address inside = prefix("2001:db8:1::1").address;
    EXPECT_EQ(list.find(inside, info_)->class_name, "good");
    EXPECT_EQ(list.find(prefix("2001:db8:2::1").address, info_)->who, "uid 7");
    EXPECT_EQ(list.find(prefix("2001:db9::1").address, info_), nullptr);
    EXPECT_FALSE(list.expire(1059));
    EXPECT_TRUE(list.expire(1060));
    EXPECT_EQ(list.find(inside, info_)->class_name, "unknown");
    ASSERT_EQ(list.records(info_).size(), 1u);
    EXPECT_EQ(list.records(info_)[0].class_id, 1);
    info_.classes[1].retired = true;
    EXPECT_TRUE(list.records(info_).empty());
    EXPECT_EQ(list.find(inside, info_), nullptr);
    EXPECT_FALSE(list.report(info_)[0].at("in_force"));
}

TEST_F(OverrideFile, WhatCannotBeReadIsSetAside)
{
    std::ofstream(path_) << "[{\"prefix\": \"2001:db8::/32\"}]";
    Overrides list(path_);
    EXPECT_THAT(list.load(), HasSubstr(".broken"));
    EXPECT_TRUE(list.all().empty());
    EXPECT_TRUE(std::filesystem::exists(path_ + ".broken"));
}

TEST_F(OverrideFile, OneBadEntryCostsItself)
{
    const auto entry = [](const char* prefix) {
        return std::string("{\"prefix\": \"") + prefix +
               "\", \"class\": \"bad\", \"reason\": \"\", \"who\": \"\", \"since\": 1, "
               "\"until\": null}";
    };
    std::ofstream(path_) << "[" << entry("192.0.2.0/24") << ", {\"prefix\": 7}, "
                         << entry("2001:db8::/32") << "]";
    Overrides list(path_);
    EXPECT_THAT(list.load(), HasSubstr("2 entries hold"));
    EXPECT_EQ(list.all().size(), 2u);
    list.set(made({"198.51.100.0/24", "bad", {}, {}, "", ""}));
    Overrides again(path_);
    EXPECT_EQ(again.load(), "");
    EXPECT_EQ(again.all().size(), 3u);
}

TEST_F(OverrideFile, WhatCannotBeReadIsNotReplaced)
{
    std::filesystem::create_directory(path_);  // opens, but gives an error when it is read
    Overrides list(path_);
    EXPECT_NE(list.load(), "");
    EXPECT_THROW(list.set(made({"192.0.2.0/24", "bad", {}, {}, "", ""})), std::runtime_error);
    EXPECT_TRUE(list.all().empty());
    std::filesystem::remove(path_);
    std::filesystem::create_symlink(path_, path_);  // nor can this be opened, whoever asks
    Overrides other(path_);
    EXPECT_NE(other.load(), "");
    EXPECT_THROW(other.set(made({"192.0.2.0/24", "bad", {}, {}, "", ""})), std::runtime_error);
    EXPECT_TRUE(std::filesystem::is_symlink(path_));
}

TEST_F(OverrideFile, WhatCannotBeKeptIsNotSet)
{
    Overrides list(folder_.path() + "/no/such/folder.json");
    EXPECT_THROW(list.set(made({"192.0.2.0/24", "bad", {}, {}, "", ""})), std::runtime_error);
    EXPECT_TRUE(list.all().empty());
}

}  // namespace
}  // namespace mxgate
