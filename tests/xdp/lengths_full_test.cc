// SPDX-License-Identifier: BSD-2-Clause
// The lengths and classes of tables as large as the Internet's, as the kernel runs the program.
#include "tests/frames/full_lengths_check.h"
#include "tests/frames/provider.h"
#include "tests/xdp/plane.h"

namespace mxgate {
namespace {

using reference::FullLengths;

class FullLengthsInXdp : public XdpTest
{
protected:
    void check(const reference::World& world, size_t addresses)
    {
        FullLengths full(world);
        plane().maps().publish(full.compile().plane);
        frames::FullLengthsCheck check;
        frames::Bytes four = syn("198.51.100.1", "192.0.2.25");
        frames::Bytes six = syn("2001:db8::1", "2001:db8:2::25");
        full.each(addresses, [&](const FullLengths::Answer& wanted) {
            // Only the source differs; nobody checks the checksums.
            const bool is_four = wanted.address.family == 4;
            frames::Bytes& frame = is_four ? four : six;
            for (size_t i = 0; i < (is_four ? 4 : 16); i++)
                frame[(is_four ? 26 : 22) + i] = static_cast<uint8_t>(
                    wanted.address.value >> (wanted.address.width() - 8 - 8 * static_cast<int>(i)));
            check.take(wanted, plane().decide(frame, 1'000'000'000));
        });
        check.expect_right(addresses);
    }

private:
    static frames::Bytes syn(const std::string& source, const std::string& destination)
    {
        return frames::Frame().ip(source, destination).tcp(frames::kSyn).bytes();
    }
};

TEST_F(FullLengthsInXdp, Generated)
{
    check(reference::generated_world(), 300'000);
}

TEST_F(FullLengthsInXdp, Real)
{
    const auto world = reference::real_world();
    if (!world)
        GTEST_SKIP() << "MXGATE_TEST_DATA names no folder with bgp/ris-whois and rir";
    check(*world, 10'000'000);
}

using ProviderInXdp = XdpTest;

TEST_F(ProviderInXdp, OneStateForEachCustomerWhoseLengthIsKnown)
{
    const auto states = [&](bool registry_knows) {
        frames::Provider provider(registry_knows);
        plane().maps().publish(provider.table().plane);
        const uint64_t before = plane().maps().source_fill().used;
        for (size_t i = 0; i < frames::Provider::kAttempts; i++)
            plane().decide(provider.next(), 1'000'000'000);
        return plane().maps().source_fill().used - before;
    };
    EXPECT_EQ(states(true), frames::Provider::kCustomers);
    EXPECT_EQ(states(false), frames::Provider::kCustomers * frames::Provider::kNetworks);
}

}  // namespace
}  // namespace mxgate
