// SPDX-License-Identifier: BSD-2-Clause
#include "control/config/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <sstream>
#include <unordered_map>

#include "control/config/text.h"
#include "control/net/address_text.h"

namespace mxgate {

void Report::error(int line, int column, std::string text)
{
    add(Diagnostic::Severity::error, line, column, std::move(text));
}

void Report::warning(int line, int column, std::string text)
{
    add(Diagnostic::Severity::warning, line, column, std::move(text));
}

void Report::add(Diagnostic::Severity severity, int line, int column, std::string text)
{
    if (severity == Diagnostic::Severity::error)
        has_errors_ = true;
    if (!muted_.contains({line, column}))
        diagnostics_.push_back({severity, {file_, line, column}, std::move(text)});
}

std::vector<Diagnostic> Report::take()
{
    std::stable_sort(diagnostics_.begin(), diagnostics_.end(), [](const auto& a, const auto& b) {
        return std::pair(a.where.line, a.where.column) < std::pair(b.where.line, b.where.column);
    });
    return std::move(diagnostics_);
}

const YamlEntry* YamlNode::find(std::string_view key) const
{
    for (const YamlEntry& entry : entries)
        if (entry.key == key)
            return &entry;
    return nullptr;
}

namespace {

using Kind = YamlNode::Kind;

class Builder : public YAML::EventHandler
{
public:
    Builder(YamlTree& tree, Report& report) : tree_(tree), report_(report) {}

    // The last node started, null if there is none.
    const YamlNode* last() const { return last_; }

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override
    {
        add(Kind::null, mark, anchor);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override
    {
        const auto found = anchors_.find(anchor);
        attach(found != anchors_.end() ? found->second : null_node(mark.line + 1, mark.column + 1));
    }
    void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  const std::string& value) override
    {
        add(Kind::scalar, mark, anchor, value);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override
    {
        open_.push_back({add(Kind::list, mark, anchor)});
    }
    void OnSequenceEnd() override { open_.pop_back(); }
    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override
    {
        open_.push_back({add(Kind::map, mark, anchor)});
    }
    void OnMapEnd() override { open_.pop_back(); }

private:
    // A list or map whose end has not been seen yet.
    struct Open {
        YamlNode* node = nullptr;
        bool has_key = false;
        bool key_is_text = false;
        YamlEntry key{};
        std::unordered_map<std::string, int> lines{};  // line of each key seen
    };

    YamlNode* null_node(int line, int column)
    {
        YamlNode& node = tree_.nodes.emplace_back();
        node.line = line;
        node.column = column;
        return &node;
    }

    YamlNode* add(Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor,
                  const std::string& text = {})
    {
        YamlNode* node = null_node(mark.line + 1, mark.column + 1);
        node->kind = kind;
        node->text = text;
        if (anchor != 0)
            anchors_[anchor] = node;
        attach(node);
        return node;
    }

    void attach(YamlNode* node)
    {
        last_ = node;
        if (open_.empty()) {
            tree_.root = node;
            return;
        }
        Open& open = open_.back();
        if (open.node->kind == Kind::list) {
            open.node->items.push_back(node);
        } else if (!open.has_key) {
            open.has_key = true;
            open.key_is_text = node->kind == Kind::scalar;
            open.key = {node->text, node->line, node->column, nullptr};
        } else {
            finish_entry(open, node);
        }
    }

    void finish_entry(Open& open, YamlNode* value)
    {
        open.has_key = false;
        if (value->kind == Kind::null) {  // yaml-cpp puts it where the next token stands
            value->line = open.key.line;
            value->column = open.key.column;
        }
        if (!open.key_is_text) {
            report_.error(open.key.line, open.key.column, "a key must be plain text");
            return;
        }
        const auto [first, is_new] = open.lines.try_emplace(open.key.key, open.key.line);
        if (!is_new) {
            report_.error(open.key.line, open.key.column,
                          fmt::format("duplicate key {}; it stands in line {} already",
                                      show(open.key.key), first->second));
            return;
        }
        open.key.value = value;
        open.node->entries.push_back(std::move(open.key));
    }

    YamlTree& tree_;
    Report& report_;
    std::vector<Open> open_;
    std::unordered_map<YAML::anchor_t, YamlNode*> anchors_;
    YamlNode* last_ = nullptr;
};

struct SyntaxError {
    int line = 0;
    int column = 0;
    std::string text;
    const YamlNode* spoiled = nullptr;  // may hold text that belongs to the broken part
};

std::optional<SyntaxError> build(const std::string& text, YamlTree& tree, Report& report)
{
    std::istringstream input(text);
    Builder builder(tree, report);
    try {
        YAML::Parser parser(input);
        if (!parser.HandleNextDocument(builder))
            return std::nullopt;
        YamlTree second;
        Report ignored("");
        Builder rest(second, ignored);
        if (parser.HandleNextDocument(rest) && second.root != nullptr)
            report.error(second.root->line, second.root->column,
                         "a second YAML document; the configuration is one document");
        return std::nullopt;
    } catch (const YAML::Exception& error) {
        return SyntaxError{error.mark.line + 1, error.mark.column + 1, error.msg, builder.last()};
    }
}

// Offset of a place in the text; npos if it is outside.
size_t offset_of(std::string_view text, int line, int column)
{
    size_t start = 0;
    for (int i = 1; i < line; i++) {
        start = text.find('\n', start);
        if (start == std::string_view::npos)
            return start;
        start++;
    }
    const size_t offset = start + static_cast<size_t>(column) - 1;
    return line > 0 && column > 0 && offset < text.size() ? offset : std::string_view::npos;
}

// `key: 2001:db8::` ends in a colon, which YAML takes for a second key and gives up at. Reports
// it, and patches `text` so that the rest of the file can be read.
bool mend_address(const SyntaxError& error, std::string& text, Report& report)
{
    const size_t colon = offset_of(text, error.line, error.column);
    if (colon == std::string::npos || text[colon] != ':')
        return false;
    size_t start = colon;
    while (start > 0 && (isxdigit(static_cast<unsigned char>(text[start - 1])) ||
                         text[start - 1] == ':' || text[start - 1] == '.'))
        start--;
    const std::string_view address = std::string_view(text).substr(start, colon + 1 - start);
    if (!parse_address(address))
        return false;
    const int column = error.column - static_cast<int>(colon - start);
    report.error(error.line, column,
                 fmt::format("YAML reads this as a map; write \"{}\" in quotes", address));
    report.mute(error.line, column);
    text[colon] = '_';
    return true;
}

// yaml-cpp lets a quoted text without its closing quote run to the end of the file in silence.
bool is_unclosed(std::string_view text, const YamlNode& node)
{
    size_t at = offset_of(text, node.line, node.column);
    if (node.kind != Kind::scalar || at == std::string_view::npos ||
        (text[at] != '"' && text[at] != '\''))
        return false;
    const char quote = text[at];
    for (at++; at < text.size(); at++) {
        const bool doubled = quote == '\'' && text.substr(at, 2) == "''";
        if (doubled || (text[at] == '\\' && quote == '"'))
            at++;
        else if (text[at] == quote)
            return false;
    }
    return true;
}

}  // namespace

YamlTree parse_yaml(std::string text, Report& report)
{
    constexpr int kMaxMended = 100;
    for (int mended = 0;; mended++) {
        YamlTree tree;
        Report attempt = report;  // the mistakes of a parse that is tried again count once
        auto error = build(text, tree, attempt);
        if (error && mended < kMaxMended && mend_address(*error, text, report))
            continue;
        if (!error && !tree.nodes.empty() && is_unclosed(text, tree.nodes.back())) {
            const YamlNode& last = tree.nodes.back();
            error = {last.line, last.column, "this quote is never closed", &last};
        }
        report = std::move(attempt);
        if (error) {
            tree.truncated = true;
            report.error(error->line, error->column, error->text);
            if (error->spoiled != nullptr)
                report.mute(error->spoiled->line, error->spoiled->column);
        }
        return tree;
    }
}

}  // namespace mxgate
