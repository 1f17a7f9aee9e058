// SPDX-License-Identifier: BSD-2-Clause
// The table file: header, the planes' image, entries, shared entries, names (JSON). Integers are
// little-endian.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "control/fetch/durable.h"
#include "control/table/policy_table.h"
#include "control/table/table_info.h"
#include "dataplane/image/verify.h"

namespace mxgate {
namespace {

using nlohmann::json;

struct FileHeader {
    char magic[8];
    uint64_t schema;
    uint64_t plane_lines;
    uint64_t entries;
    uint64_t info_bytes;  // of JSON, without the zeros that fill its last 8 bytes
    uint64_t checksum;    // of this header (this field 0), the entries and the names
    uint64_t shared;
    uint64_t reserved;
};
static_assert(sizeof(FileHeader) == 64);
// Of the image, and of what this file has beside it.
constexpr uint64_t kFileSchema = MXG_SCHEMA | 2ULL << 32;
constexpr char kMagic[8] = {'m', 'x', 'g', 't', 'a', 'b', 'l', 'e'};

uint64_t mix(uint64_t sum, const void* data, size_t bytes)
{
    const auto* at = static_cast<const unsigned char*>(data);
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t word;
        std::memcpy(&word, at + i, sizeof(word));
        sum = std::rotl((sum ^ word) * 0xff51afd7ed558ccdULL, 29);
    }
    return sum;
}

uint64_t file_checksum(FileHeader header, const PolicyTable& table, const std::string& info)
{
    header.checksum = 0;
    uint64_t sum = mix(1, &header, sizeof(header));
    sum = mix(sum, table.entries.data(), table.entries.size() * sizeof(TableEntry));
    sum = mix(sum, table.shared.data(), table.shared.size() * sizeof(SharedEntry));
    return mix(sum, info.data(), info.size());
}

class File
{
public:
    File(Fd fd, std::string name) : name_(std::move(name)), fd_(std::move(fd))
    {
        if (!fd_)
            fail(std::strerror(errno));
    }
    File(const std::string& path, int flags) : File(Fd(::open(path.c_str(), flags, 0644)), path) {}

    void write(const void* data, size_t bytes)
    {
        const char* at = static_cast<const char*>(data);
        while (bytes > 0) {
            const ssize_t done = ::write(fd_.get(), at, bytes);
            if (done < 0)
                fail(std::strerror(errno));
            at += done;
            bytes -= static_cast<size_t>(done);
        }
    }

    void read(void* data, size_t bytes)
    {
        char* at = static_cast<char*>(data);
        while (bytes > 0) {
            const ssize_t got = ::read(fd_.get(), at, bytes);
            if (got <= 0)
                fail(got == 0 ? "truncated" : std::strerror(errno));
            at += got;
            bytes -= static_cast<size_t>(got);
        }
    }

    void sync()
    {
        if (::fsync(fd_.get()) != 0)
            fail(std::strerror(errno));
    }

    void rewind()
    {
        if (::lseek(fd_.get(), 0, SEEK_SET) != 0)
            fail(std::strerror(errno));
    }

    uint64_t size()
    {
        struct stat status {
        };
        if (::fstat(fd_.get(), &status) != 0)
            fail(std::strerror(errno));
        return static_cast<uint64_t>(status.st_size);
    }

    [[noreturn]] void fail(const std::string& what) const { throw TableError(name_ + ": " + what); }

    // So that nobody can change it any more.
    Fd seal()
    {
        if (::fcntl(fd_.get(), F_ADD_SEALS, kSeals) != 0)
            fail(std::strerror(errno));
        return std::move(fd_);
    }
    void check_seals() const
    {
        const int seals = ::fcntl(fd_.get(), F_GET_SEALS);
        if (seals < 0 || (seals & kSeals) != kSeals)
            fail("not sealed");
        struct stat status {
        };
        // Holes would cost only the reader memory.
        if (::fstat(fd_.get(), &status) != 0 || status.st_blocks * 512 < status.st_size)
            fail("not all there");
    }

private:
    static constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

    std::string name_;
    Fd fd_;
};

// The entries are what `lookup` and `explain` walk: their links must lead up and stay inside.
std::string verify_entries(const PolicyTable& table)
{
    for (size_t i = 0; i < table.entries.size(); i++) {
        const TableEntry& entry = table.entries[i];
        if (entry.parent != kNoEntry && entry.parent >= i)
            return "an entry's parent is damaged";
        if (is_length(entry) ? length_source(entry) >= table.info.length_sources.size()
                             : entry.feed >= table.info.feeds.size())
            return "an entry names a feed that is not there";
        const uint32_t bits = entry.family == MXG_FAMILY_IPV4   ? 32
                              : entry.family == MXG_FAMILY_IPV6 ? 128
                                                                : 0;
        if (bits == 0 || entry.length > bits || entry.site_length > bits ||
            entry.class_id >= table.info.classes.size())
            return "an entry is damaged";
    }
    for (size_t i = 0; i < table.shared.size(); i++) {
        const uint32_t entry = table.shared[i].entry;
        if (entry >= table.entries.size() || !is_length(table.entries[entry]) ||
            (i > 0 && entry <= table.shared[i - 1].entry))
            return "a number of end sites is damaged";
    }
    for (const LengthSourceInfo& source : table.info.length_sources)
        if (source.origin > LengthOrigin::by_default)
            return "a source of lengths is damaged";
    return {};
}

std::string verify_names(const PolicyTable& table)
{
    const auto* counts = reinterpret_cast<const mxg_image_counts*>(&table.plane[1]);
    if (counts->classes != table.info.classes.size() || counts->feeds != table.info.feeds.size())
        return "names and numbers of classes or feeds differ";
    if (table.info.default_length_ipv4 > 32 || table.info.default_length_ipv6 > 128)
        return "a default length is damaged";
    return {};
}

// What is written before it is renamed: NAME.new.PID. A process that was killed leaves it behind.
std::string fresh_prefix(const std::string& path)
{
    return path + ".new.";
}

void remove_abandoned(const std::string& path)
{
    namespace fs = std::filesystem;
    const std::string begins = fs::path(fresh_prefix(path)).filename().string();
    const fs::path folder = fs::path(path).parent_path();
    std::error_code ignored;
    for (const auto& file : fs::directory_iterator(folder.empty() ? "." : folder, ignored)) {
        const std::string name = file.path().filename().string();
        const int process = name.starts_with(begins) ? std::atoi(name.c_str() + begins.size()) : 0;
        if (process > 0 && ::kill(process, 0) != 0 && errno == ESRCH)
            fs::remove(file.path(), ignored);
    }
}

uint64_t write(const PolicyTable& table, File& file)
{
    std::string info = to_json(table.info).dump();
    FileHeader header{};
    std::memcpy(header.magic, kMagic, sizeof(kMagic));
    header.schema = kFileSchema;
    header.plane_lines = table.plane.size();
    header.entries = table.entries.size();
    header.shared = table.shared.size();
    header.info_bytes = info.size();
    info.resize((info.size() + 7) / 8 * 8, '\0');
    header.checksum = file_checksum(header, table, info);
    file.write(&header, sizeof(header));
    file.write(table.plane.data(), table.plane_bytes());
    file.write(table.entries.data(), table.entries.size() * sizeof(TableEntry));
    file.write(table.shared.data(), table.shared.size() * sizeof(SharedEntry));
    file.write(info.data(), info.size());
    return sizeof(header) + table.plane_bytes() + table.entries.size() * sizeof(TableEntry) +
           table.shared.size() * sizeof(SharedEntry) + info.size();
}

PolicyTable read(File& file)
{
    FileHeader header;
    PolicyTable table;
    const uint64_t size = file.size();
    if (size < sizeof(header))
        file.fail("not a policy table: too short");
    file.read(&header, sizeof(header));
    if (std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0)
        file.fail("not a policy table: wrong magic number");
    if (header.schema != kFileSchema)
        file.fail("made by another version of mxgate; compile it again");
    const uint64_t info_room = (header.info_bytes + 7) / 8 * 8;
    if (header.plane_lines > MXG_MAX_LINES || header.entries > size / sizeof(TableEntry) ||
        header.info_bytes > size || header.shared > size / sizeof(SharedEntry) ||
        sizeof(header) + header.plane_lines * MXG_LINE_BYTES + header.entries * sizeof(TableEntry) +
                header.shared * sizeof(SharedEntry) + info_room !=
            size)
        file.fail("length differs from the header's: truncated?");
    table.plane.resize(header.plane_lines);
    table.entries.resize(header.entries);
    table.shared.resize(header.shared);
    std::string info(info_room, '\0');
    file.read(table.plane.data(), table.plane_bytes());
    file.read(table.entries.data(), table.entries.size() * sizeof(TableEntry));
    file.read(table.shared.data(), table.shared.size() * sizeof(SharedEntry));
    file.read(info.data(), info.size());
    if (header.checksum != file_checksum(header, table, info))
        file.fail("checksum differs: the file is damaged");
    if (const std::string error = verify_image(table.plane.data(), table.plane.size());
        !error.empty())
        file.fail(error);
    info.resize(header.info_bytes);
    try {
        table.info = table_info_from(json::parse(info));
    } catch (const json::exception& error) {
        file.fail(std::string("names: ") + error.what());
    }
    for (const std::string& error : {verify_names(table), verify_entries(table)})
        if (!error.empty())
            file.fail(error);
    return table;
}

}  // namespace

uint64_t write_table(const PolicyTable& table, const std::string& path, bool durable)
{
    remove_abandoned(path);
    const std::string fresh = fresh_prefix(path) + std::to_string(::getpid());
    try {
        File file(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
        const uint64_t bytes = write(table, file);
        if (durable) {
            file.sync();  // a name that outlives a power cut must not lead to an empty file
            put_in_place(fresh, path);
        } else if (::rename(fresh.c_str(), path.c_str()) != 0) {
            throw TableError(path + ": " + std::strerror(errno));
        }
        return bytes;
    } catch (const std::system_error& error) {
        ::unlink(fresh.c_str());
        throw TableError(error.what());
    } catch (...) {
        ::unlink(fresh.c_str());
        throw;
    }
}

Fd sealed_table(const PolicyTable& table)
{
    File file(Fd(::memfd_create("mxgate-table", MFD_CLOEXEC | MFD_ALLOW_SEALING)), "a new table");
    write(table, file);
    return file.seal();
}

bool is_table_file(const std::string& path)
{
    std::error_code ignored;
    std::ifstream file;
    if (std::filesystem::is_regular_file(path, ignored))  // a pipe would be read empty
        file.open(path, std::ios::binary);
    char magic[sizeof(kMagic)] = {};
    file.read(magic, sizeof(magic));
    return file.is_open() &&
           (file.gcount() == 0 || std::memcmp(magic, kMagic, sizeof(kMagic)) == 0);
}

PolicyTable read_table(const std::string& path)
{
    File file(path, O_RDONLY | O_CLOEXEC);
    return read(file);
}

PolicyTable read_sealed_table(Fd memfd)
{
    File file(std::move(memfd), "the new table");
    file.check_seals();
    file.rewind();
    return read(file);
}

}  // namespace mxgate
