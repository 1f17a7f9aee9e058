// SPDX-License-Identifier: BSD-2-Clause
// A YAML document as a plain tree in which every node knows its place in the file. Built from
// yaml-cpp's events because its own node tree hides duplicate keys.
#pragma once

#include <deque>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control/config/config.h"

namespace mxgate {

struct YamlNode;

struct YamlEntry {
    std::string key;
    int line = 0;
    int column = 0;
    const YamlNode* value = nullptr;  // never null in a finished tree
};

struct YamlNode {
    enum class Kind { null, scalar, list, map };
    Kind kind = Kind::null;
    int line = 0;
    int column = 0;
    std::string text;                    // scalar
    std::vector<const YamlNode*> items;  // list
    std::vector<YamlEntry> entries;      // map; of duplicate keys only the first

    const YamlEntry* find(std::string_view key) const;
};

struct YamlTree {
    std::deque<YamlNode> nodes;      // owns them all
    const YamlNode* root = nullptr;  // null if there is nothing to look at
    bool truncated = false;          // a syntax error ended it early: what is missing may follow
};

// Collects what is wrong with one file.
class Report
{
public:
    explicit Report(std::string file) : file_(std::move(file)) {}

    void error(int line, int column, std::string text);
    void warning(int line, int column, std::string text);
    // A mistake at this place is known already: say nothing more about it.
    void mute(int line, int column) { muted_.emplace(line, column); }
    bool has_errors() const { return has_errors_; }
    // All diagnostics in the order of the file.
    std::vector<Diagnostic> take();

private:
    void add(Diagnostic::Severity severity, int line, int column, std::string text);

    std::string file_;
    std::vector<Diagnostic> diagnostics_;
    std::set<std::pair<int, int>> muted_;
    bool has_errors_ = false;
};

// Reports syntax errors, duplicate keys and keys that are no text. After a syntax error the part
// before it is returned, so that its mistakes can be found in the same run.
YamlTree parse_yaml(std::string text, Report& report);

}  // namespace mxgate
