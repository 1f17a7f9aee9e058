// SPDX-License-Identifier: BSD-2-Clause
// Images over the socket: what is refused and why, and either end's restart.
#include "dataplane/dpdk/handover.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <thread>

#include "tests/dpdk/dpdk.h"
#include "tests/reference/policy_case.h"

namespace mxgate {
namespace {

using ::testing::HasSubstr;

// What mxgate-dpdk does with an image, in a thread.
class Taker
{
public:
    Taker(const std::string& path, LiveTable& table)
        : server_(path), thread_([this, &table](const std::stop_token& stop) {
              while (!stop.stop_requested())
                  server_.serve(10, [&](const Fd& memfd) {
                      publish(table, read_sealed(memfd));
                      return std::string();
                  });
          })
    {
    }

private:
    HandoverServer server_;
    std::jthread thread_;
};

class Handover : public ::testing::Test
{
protected:
    void SetUp() override
    {
        taker_.emplace(path_, table_);
        ASSERT_TRUE(client_.connected());
    }

    // Why the image is refused; empty if it is taken.
    std::string refusal(const Fd& memfd)
    {
        try {
            if (!client_.connected())
                return "not connected";
            client_.hand_over(memfd);
        } catch (const PlaneError& error) {
            return error.what();
        }
        return {};
    }

    static Fd memory_file(size_t bytes, const void* data, bool sealed)
    {
        Fd out(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
        EXPECT_EQ(::write(out.get(), data, bytes), static_cast<ssize_t>(bytes));
        const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
        EXPECT_EQ(::fcntl(out.get(), F_ADD_SEALS, sealed ? seals : 0), 0);
        return out;
    }

    reference::TemporaryFolder folder_;
    std::string path_ = folder_.path() + "/table.sock";
    LiveTable table_{1};
    std::optional<Taker> taker_;
    HandoverClient client_{path_};
    const PolicyTable image_ = all_of("bad", 7);
};

TEST_F(Handover, SealedImageIsTaken)
{
    EXPECT_EQ(refusal(sealed_image(image_.plane)), "");
    EXPECT_EQ(table_.generation(), 7u);
    EXPECT_EQ(refusal(sealed_image(all_of("good", 8).plane)), "");
    EXPECT_EQ(table_.generation(), 8u);
    EXPECT_EQ(client_.connections(), 1u);
}

TEST_F(Handover, SealedImageCannotBeChanged)
{
    const Fd sealed = sealed_image(image_.plane);
    EXPECT_EQ(::ftruncate(sealed.get(), 0), -1);
    EXPECT_LT(::pwrite(sealed.get(), "x", 1, 0), 0);
    EXPECT_EQ(::mmap(nullptr, 64, PROT_READ | PROT_WRITE, MAP_SHARED, sealed.get(), 0), MAP_FAILED);
}

TEST_F(Handover, RefusedWithTheReason)
{
    const size_t bytes = image_.plane_bytes();
    const auto* data = reinterpret_cast<const char*>(image_.plane.data());
    const std::string garbage(64 * 100, 'x');
    EXPECT_THAT(refusal(memory_file(bytes, data, false)), HasSubstr("not a sealed memfd"));
    EXPECT_THAT(refusal(Fd(::open("/dev/null", O_RDONLY))), HasSubstr("not a sealed memfd"));
    EXPECT_THAT(refusal(memory_file(0, data, true)), HasSubstr("not the size of an image"));
    EXPECT_THAT(refusal(memory_file(bytes - 1, data, true)), HasSubstr("not the size"));
    EXPECT_THAT(refusal(memory_file(bytes - 64, data, true)), HasSubstr("is refused: "));
    EXPECT_THAT(refusal(memory_file(garbage.size(), garbage.data(), true)),
                HasSubstr("is refused: "));
    EXPECT_EQ(table_.generation(), 0u);
    EXPECT_EQ(client_.connections(), 1u) << "a refusal is no reason to part";
    EXPECT_EQ(refusal(sealed_image(image_.plane)), "");
}

TEST_F(Handover, DamagedImageIsRefusedAndTheOldStays)
{
    ASSERT_EQ(refusal(sealed_image(image_.plane)), "");
    std::vector<mxg_line> damaged = all_of("good", 8).plane;
    for (size_t line = 0; line < damaged.size(); line++) {
        const mxg_line whole = damaged[line];
        damaged[line].word[line % 8] ^= 1ULL << (line * 7) % 64;
        EXPECT_THAT(refusal(sealed_image(damaged)), HasSubstr("is refused: ")) << "line " << line;
        damaged[line] = whole;
    }
    EXPECT_EQ(table_.generation(), 7u);
}

TEST_F(Handover, ServerStartsAgain)
{
    ASSERT_EQ(refusal(sealed_image(image_.plane)), "");
    taker_.reset();
    EXPECT_FALSE(client_.connected());
    EXPECT_EQ(refusal(sealed_image(image_.plane)), "not connected");
    EXPECT_THROW(client_.hand_over(sealed_image(image_.plane)), PlaneError);
    taker_.emplace(path_, table_);
    EXPECT_TRUE(client_.connected());
    EXPECT_EQ(client_.connections(), 2u) << "the image must be handed over again";
    EXPECT_EQ(refusal(sealed_image(image_.plane)), "");
}

// Gone between the question and the image: an error, and then a new connection.
TEST_F(Handover, ServerVanishes)
{
    const Fd sealed = sealed_image(image_.plane);
    ASSERT_TRUE(client_.connected());
    taker_.reset();
    EXPECT_THROW(client_.hand_over(sealed), PlaneError);
    taker_.emplace(path_, table_);
    EXPECT_EQ(refusal(sealed), "");
    EXPECT_EQ(table_.generation(), 7u);
}

// A peer that says nothing useful hurts nobody, and many peers do not keep others out.
TEST_F(Handover, StrangePeers)
{
    std::vector<Fd> peers;
    for (int i = 0; i < 20; i++) {
        Fd peer(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
        ASSERT_EQ(
            ::connect(peer.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
        if (i % 2 == 0) {
            ASSERT_EQ(::send(peer.get(), "nonsense", 8, MSG_NOSIGNAL), 8);
        }
        peers.push_back(std::move(peer));
    }
    const timeval patience{5, 0};
    char answer[200] = {};
    ::setsockopt(peers[18].get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    EXPECT_GT(::recv(peers[18].get(), answer, sizeof(answer) - 1, 0), 0);
    EXPECT_THAT(answer, HasSubstr("no descriptor"));
    HandoverClient late(path_);
    ASSERT_TRUE(late.connected());
    late.hand_over(sealed_image(image_.plane));
    EXPECT_EQ(table_.generation(), 7u);
    // The first one was put off in their favour: it finds out, and comes back.
    EXPECT_EQ(refusal(sealed_image(all_of("good", 8).plane)), "");
    EXPECT_EQ(client_.connections(), 2u);
}

TEST_F(Handover, PathTooLong)
{
    EXPECT_THROW(HandoverServer(folder_.path() + "/" + std::string(120, 'x')), PlaneError);
}

}  // namespace
}  // namespace mxgate
