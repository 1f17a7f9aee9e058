// SPDX-License-Identifier: BSD-2-Clause
// Files, folders and links that are exchanged for others while they are watched.
#include <fcntl.h>
#include <unistd.h>

#include "control/gate/file_watch.h"
#include "tests/unit/feed_gate.h"

namespace mxgate {
namespace {

namespace fs = std::filesystem;

class GateWatch : public GateFiles
{
protected:
    ~GateWatch() override { gate_.reset(); }

    void make(const std::string& folder) const { fs::create_directory(file(folder)); }
    void move(const std::string& from, const std::string& to) const
    {
        fs::rename(file(from), file(to));
    }
    // In place of the link that is there.
    void link(const std::string& target, const std::string& name) const
    {
        fs::create_symlink(target, file(name + ".new"));
        move(name + ".new", name);
    }
    void exchange(const std::string& folder) const
    {
        move(folder, folder + ".old");
        move(folder + ".new", folder);
    }
    // 2001:db8:N::/48 is a list's one entry.
    void list_one(const std::string& name, int n) const
    {
        write(name, "2001:db8:" + std::to_string(n) + "::/48\n");
    }
    bool becomes_bad(int n)
    {
        const std::string address = "2001:db8:" + std::to_string(n) + "::1";
        return await([&] { return class_of(address) == "bad"; });
    }
};

TEST_F(GateWatch, AFolderThatIsExchanged)
{
    make("folder");
    make("folder.new");
    list_one("folder/a", 1);
    list_one("folder.new/a", 2);
    configure(list("a", "folder", "bad"));
    start();
    exchange("folder");
    EXPECT_TRUE(becomes_bad(2));
    list_one("folder/b", 3);
    EXPECT_TRUE(becomes_bad(3));
    fs::remove_all(file("folder"));
    EXPECT_NE(next_event("feed-refused"), "");
    make("folder");
    list_one("folder/a", 4);
    EXPECT_TRUE(becomes_bad(4));
}

TEST_F(GateWatch, TheFolderOfAFileThatIsExchanged)
{
    make("lists");
    make("lists.new");
    list_one("lists/a", 1);
    list_one("lists.new/a", 2);
    configure(list("a", "lists/a", "bad"));
    start();
    exchange("lists");
    EXPECT_TRUE(becomes_bad(2));
    list_one("lists/a", 3);
    EXPECT_TRUE(becomes_bad(3));
}

TEST_F(GateWatch, LinksThatComeToLeadElsewhere)
{
    make("one");
    make("two");
    list_one("one/a", 1);
    list_one("two/a", 2);
    link("one", "lists");
    link("lists/a", "a.txt");
    configure(list("a", "a.txt", "bad"));
    start();
    link("two", "lists");
    EXPECT_TRUE(becomes_bad(2));
    list_one("two/a", 3);
    EXPECT_TRUE(becomes_bad(3));
    link(file("one/a"), "a.txt");
    EXPECT_TRUE(becomes_bad(1));
    list_one("one/a", 4);
    EXPECT_TRUE(becomes_bad(4));
}

TEST_F(GateWatch, WhatAppearsAfterTheStart)
{
    configure(list("a", "far/folder", "bad"));
    start();
    EXPECT_EQ(feed("a").at("state"), "refused");
    make("far");
    make("far/folder");
    list_one("far/folder/a", 1);
    EXPECT_TRUE(becomes_bad(1));
    list_one("far/folder/b", 2);
    EXPECT_TRUE(becomes_bad(2));
}

TEST(FileWatch, LooksAtWhatNobodyTells)
{
    const reference::TemporaryFolder folder;
    const std::string path = folder.path() + "/a";
    FileWatch watch;
    watch.follow({path});
    const int fd = ::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    EXPECT_FALSE(watch.take()) << "it is yet to be written";
    ASSERT_EQ(::write(fd, "1\n", 2), 2);
    EXPECT_FALSE(watch.take()) << "not closed";
    EXPECT_FALSE(watch.look()) << "somebody may be writing";
    ASSERT_EQ(::write(fd, "2\n", 2), 2);
    EXPECT_FALSE(watch.look());
    EXPECT_TRUE(watch.look());
    EXPECT_FALSE(watch.look());
    ::close(fd);
    EXPECT_TRUE(watch.take());
    EXPECT_FALSE(watch.look()) << "it is known";
}

TEST(FileWatch, LinksInARing)
{
    const reference::TemporaryFolder folder;
    fs::create_symlink("b", folder.path() + "/a");
    fs::create_symlink("a", folder.path() + "/b");
    FileWatch watch;
    watch.follow({folder.path() + "/a"});
    fs::remove(folder.path() + "/b");
    std::ofstream(folder.path() + "/b") << "1\n";
    EXPECT_TRUE(watch.take());
}

}  // namespace
}  // namespace mxgate
