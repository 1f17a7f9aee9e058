// SPDX-License-Identifier: BSD-2-Clause
// Any lines as an image: refused, or walked for any address without leaving it.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "dataplane/core/native.h"

#include "dataplane/core/burst.h"
#include "dataplane/core/decide.h"
#include "dataplane/image/verify.h"
#include "tests/reference/policy_case.h"

namespace {

// A good image, to be changed by the input: from nothing the fuzzer would hardly get deep.
std::vector<mxg_line> make_image()
{
    auto policy = mxgate::reference::PolicyCase::from_yaml(
        "gate:\n"
        "  plane: xdp\n"
        "  interfaces: [eth0]\n"
        "  services:\n"
        "    - {name: mx, addresses: [192.0.2.25], ports: [25]}\n"
        "classes:\n"
        "  unknown: {action: limit, rate: 30/min, burst: 2}\n"
        "  bad: {action: drop}\n"
        "default_class: unknown\n");
    const size_t feed = policy.add_feed("bad", "bad", 1);
    policy.add(feed, "192.0.2.0/24");
    policy.add(feed, "2001:db8:1::1/128");
    policy.add(feed, "2001:db8:2::1/128");
    policy.add(feed, "2001:db8:2::4/128");
    for (int i = 1; i < 10; i++) {
        policy.add(feed, "2001:db8:3::" + std::to_string(16 * i) + "/128");
        policy.add(feed, "2400:" + std::to_string(16 * i) + "::/32");
    }
    return policy.compile().plane;
}

// The good image with words of the input written over it: pairs of a place and a value.
std::vector<mxg_line> changed(const uint8_t* data, size_t size)
{
    static const std::vector<mxg_line> good = make_image();
    std::vector<mxg_line> image = good;
    for (; size >= 6; data += 6, size -= 6) {
        uint16_t place;
        uint32_t value;
        std::memcpy(&place, data, sizeof(place));
        std::memcpy(&value, data + 2, sizeof(value));
        const size_t halves = image.size() * sizeof(mxg_line) / sizeof(value);
        std::memcpy(reinterpret_cast<uint8_t*>(image.data()) + place % halves * sizeof(value),
                    &value, sizeof(value));
    }
    return image;
}

void seal(std::vector<mxg_line>& image)
{
    if (image.empty())
        return;
    auto* header = reinterpret_cast<mxg_image_header*>(image.data());
    header->magic = MXG_IMAGE_MAGIC;
    header->schema = MXG_SCHEMA;
    header->lines = static_cast<uint32_t>(image.size());
    header->checksum = mxgate::image_checksum(image.data(), image.size());
}

void look_up(const std::vector<mxg_line>& image, mxg_address address)
{
    const mxg_table table{image.data(), static_cast<uint32_t>(image.size())};
    const auto* header = reinterpret_cast<const mxg_image_header*>(image.data());
    const auto* found = reinterpret_cast<const uint8_t*>(mxg_lookup(&table, header, &address));
    const auto* begin = reinterpret_cast<const uint8_t*>(image.data());
    if (!found || found < begin ||
        found + sizeof(mxg_policy) > begin + image.size() * sizeof(mxg_line))
        abort();
    // The look-up for bursts trusts the verifier: no line is checked again.
    const mxg_policy* bursts[2];
    mxg_lookup_burst_with(&table, header, &address, 1, &bursts[0], MXG_SCALAR);
    mxg_lookup_burst(&table, header, &address, 1, &bursts[1]);
    for (const mxg_policy* burst : bursts)
        if (reinterpret_cast<const uint8_t*>(burst) != found)
            abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    if (size == 0)
        return 0;
    const uint8_t kind = *data++;
    size--;
    std::vector<mxg_line> image;
    if (kind & 1) {
        image = changed(data, size);
    } else {
        image.resize(size / sizeof(mxg_line));
        if (!image.empty())
            std::memcpy(image.data(), data, image.size() * sizeof(mxg_line));
    }
    if (kind & 6)
        seal(image);
    if (!mxgate::verify_image(image.data(), image.size()).empty())
        return 0;
    for (size_t at = 0; at + 8 <= size; at += 2) {
        uint64_t word;
        std::memcpy(&word, data + at, sizeof(word));
        look_up(image, {word, ~word, MXG_FAMILY_IPV6, 0});
        look_up(image, {word << 32, 0, MXG_FAMILY_IPV4, 0});
    }
    // Every start in the image, as a high and as a low half.
    for (const mxg_line& line : image)
        for (const uint64_t word : line.word) {
            look_up(image, {word, 0, MXG_FAMILY_IPV6, 0});
            look_up(image, {0x2001'0db8'0002'0000, word, MXG_FAMILY_IPV6, 0});
            look_up(image, {0x2001'0db8'0003'0000, word, MXG_FAMILY_IPV6, 0});
        }
    return 0;
}
