// SPDX-License-Identifier: BSD-2-Clause
// `lookup`: what a table says of addresses.
#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "control/cli/verbs.h"
#include "control/net/address_text.h"
#include "control/table/policy_table.h"
#include "control/text/names.h"

namespace mxgate {
namespace {

std::string quoted(const std::string& text)
{
    return nlohmann::json(text).dump();
}

// Answers as text. A million addresses are asked in one run, so names are quoted once and lines
// are put together without a JSON tree.
class AnswerPrinter
{
public:
    AnswerPrinter(const PolicyTable& table, bool as_json) : reader_(table), json_(as_json)
    {
        for (const ClassInfo& info : table.info.classes)
            classes_.push_back(json_ ? quoted(info.name) : info.name);
        for (const FeedInfo& info : table.info.feeds)
            feeds_.push_back(json_ ? quoted(info.name) : info.name);
    }

    void warm(const std::vector<mxg_address>& addresses) const { reader_.warm(addresses); }

    void append(const mxg_address& address, fmt::memory_buffer& out) const
    {
        const TableAnswer answer = reader_.ask(address);
        fields(to_string(address), answer.deciding(), answer.canonical, out);
        if (json_) {
            if (!mxg_same_address(answer.canonical.address, address)) {
                append_text(",\"embedded\":", out);
                fields(to_string(answer.canonical.address), answer.canonical, answer.canonical,
                       out);
                append_text("}", out);
            }
            append_text("}", out);
        }
        out.push_back('\n');
    }

private:
    static void append_text(std::string_view text, fmt::memory_buffer& out)
    {
        out.append(text.data(), text.data() + text.size());
    }

    // `decides` gives class, feed and prefix, `state` the source prefix that state is kept under.
    void fields(const std::string& address, const TableView& decides, const TableView& state,
                fmt::memory_buffer& out) const
    {
        const auto& entries = reader_.table().entries;
        const char* origin = length_origin(reader_.table(), state);
        std::string feed = json_ ? "null" : "-", prefix = json_ ? "null" : "-";
        if (decides.winner != kNoEntry) {
            feed = feeds_[entries[decides.winner].feed];
            prefix = to_string(prefix_of(entries[decides.winner]));
            if (json_)
                prefix = '"' + prefix + '"';
        }
        const auto at = fmt::appender(out);
        if (json_)
            fmt::format_to(at,
                           "{{\"address\":\"{}\",\"class\":{},\"feed\":{},\"prefix\":{},"
                           "\"end_site_length\":{},\"length_origin\":\"{}\","
                           "\"source_prefix\":\"{}\"",
                           address, classes_[decides.class_id], feed, prefix, state.end_site_length,
                           origin, to_string(state.source_prefix));
        else
            fmt::format_to(at, "{}\t{}\t{}\t{}\t{}\t{}\t{}", address, classes_[decides.class_id],
                           feed, prefix, state.end_site_length, origin,
                           to_string(state.source_prefix));
    }

    TableReader reader_;
    bool json_;
    std::vector<std::string> classes_, feeds_;
};

class Output
{
public:
    fmt::memory_buffer& buffer()
    {
        if (buffer_.size() > 1 << 16)
            flush();
        return buffer_;
    }
    void flush()
    {
        std::fwrite(buffer_.data(), 1, buffer_.size(), stdout);
        std::fflush(stdout);
        buffer_.clear();
    }
    ~Output() { flush(); }

private:
    fmt::memory_buffer buffer_;
};

std::string_view trimmed(std::string_view text)
{
    const size_t from = text.find_first_not_of(" \t\r");
    if (from == std::string_view::npos)
        return {};
    return text.substr(from, text.find_last_not_of(" \t\r") - from + 1);
}

// Answers in the order asked, a burst at a time, so that cache misses overlap.
class Asker
{
public:
    Asker(const AnswerPrinter& printer, Output& output) : printer_(printer), output_(output) {}

    bool ask(std::string_view text, const std::string& where)
    {
        const auto address = parse_address(text);
        if (!address) {
            flush();  // so that errors and answers keep their order on a terminal
            fmt::print(stderr, "{}: not an IPv4 or IPv6 address: `{}`\n", where,
                       text.substr(0, 64));
            return false;
        }
        waiting_.push_back(*address);
        if (waiting_.size() == TableReader::kBurst)
            answer();
        return true;
    }

    void flush()
    {
        answer();
        output_.flush();
    }

private:
    void answer()
    {
        printer_.warm(waiting_);
        for (const mxg_address& address : waiting_)
            printer_.append(address, output_.buffer());
        waiting_.clear();
    }

    const AnswerPrinter& printer_;
    Output& output_;
    std::vector<mxg_address> waiting_;
};

bool ask_standard_input(Asker& asker)
{
    std::ios::sync_with_stdio(false);
    bool good = true;
    std::string line;
    for (uint64_t number = 1; std::getline(std::cin, line); number++) {
        const std::string_view text = trimmed(line);
        if (!text.empty())
            good &= asker.ask(text, "-:" + std::to_string(number));
        // Someone may be typing, or waiting at the other end of a pipe.
        if (std::cin.rdbuf()->in_avail() <= 0)
            asker.flush();
    }
    return good;
}

}  // namespace

int lookup(const CliOptions& options, const std::string& file,
           const std::vector<std::string>& addresses)
{
    const PolicyTable table = read_table(file);
    const AnswerPrinter printer(table, options.json);
    Output output;
    Asker asker(printer, output);
    bool good = true;
    for (const std::string& text : addresses)
        good &= text == "-" ? ask_standard_input(asker) : asker.ask(text, "mxgate lookup");
    asker.flush();
    return good ? 0 : kExitError;
}

}  // namespace mxgate
