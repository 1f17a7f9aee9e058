// SPDX-License-Identifier: BSD-2-Clause
// Reading typed values out of the YAML tree, with a located error for each mistake.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/config/text.h"
#include "control/config/units.h"
#include "control/config/yaml_tree.h"
#include "control/net/address_text.h"

namespace mxgate {

// One map of the configuration whose keys are known. The constructor reports every key that is
// unknown, or known but not enforced by this version.
class Section
{
public:
    // `name` is what messages and the table of keys not yet enforced call it.
    Section(const YamlTree& tree, const YamlNode& node, std::string_view name,
            std::initializer_list<std::string_view> keys, Report& report);

    // False if the node is no map; that has been reported.
    bool is_map() const { return node_.kind == YamlNode::Kind::map; }
    const YamlEntry* find(std::string_view key) const { return node_.find(key); }
    bool has(std::string_view key) const { return find(key) != nullptr; }
    // True if it holds a key that this version does not enforce; that has been reported.
    bool has_refused_key() const { return has_refused_key_; }
    // The entry, with an error if it is missing; `others`: what could stand there instead.
    const YamlEntry* require(std::string_view key, std::string_view others = {}) const;

    // The value of `key` as one of `choices`; nothing if it is absent or wrong.
    template <class T, class Choices = std::initializer_list<std::pair<std::string_view, T>>>
    std::optional<T> choice(std::string_view key, const Choices& choices) const
    {
        const auto text = text_of(key);
        if (!text)
            return std::nullopt;
        std::vector<std::string_view> names;
        for (const auto& [name, value] : choices) {
            if (name == *text)
                return value;
            names.push_back(name);
        }
        refuse_choice(key, *text, names);
        return std::nullopt;
    }
    // The value of `key` as text; nothing if it is absent or no scalar.
    std::optional<std::string_view> text_of(std::string_view key) const;

private:
    void refuse_choice(std::string_view key, std::string_view text,
                       const std::vector<std::string_view>& names) const;

    const YamlTree& tree_;
    const YamlNode& node_;
    std::string_view name_;
    Report& report_;
    bool has_refused_key_ = false;
};

void error_at(Report& report, const YamlNode& node, std::string text);
void error_at(Report& report, const YamlEntry& entry, std::string text);

// `expected` completes "expected ..., found ...".
void wrong_kind(Report& report, const YamlNode& node, std::string_view expected);
std::optional<std::string_view> read_text(Report& report, const YamlNode& node,
                                          std::string_view expected);
// The items of a list that must not be empty; an empty vector if it is none.
std::vector<const YamlNode*> read_list(Report& report, const YamlNode& node,
                                       std::string_view expected);
// A name that is safe in messages, tables and metrics.
std::optional<std::string> read_name(Report& report, const YamlNode& node);
std::optional<int64_t> read_integer(Report& report, const YamlNode& node, int64_t least,
                                    int64_t most);
std::optional<uint64_t> read_number(Report& report, const YamlNode& node, uint64_t least,
                                    uint64_t most);
std::optional<uint64_t> read_duration(Report& report, const YamlNode& node);
std::optional<uint64_t> read_bandwidth(Report& report, const YamlNode& node);
std::optional<double> read_share(Report& report, const YamlNode& node);
std::optional<RateLimit> read_rate(Report& report, const YamlNode& node);
// Host bits are cleared with a warning.
std::optional<mxg_prefix> read_prefix(Report& report, const YamlNode& node);

// Whether one holds the other.
bool overlap(const mxg_prefix& a, const mxg_prefix& b);

}  // namespace mxgate
