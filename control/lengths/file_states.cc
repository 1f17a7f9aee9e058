// SPDX-License-Identifier: BSD-2-Clause
#include "control/lengths/file_states.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "control/config/text.h"
#include "control/text/json.h"

namespace mxgate {
namespace {

using nlohmann::json;

constexpr size_t kMaxStates = 256 << 20;  // bytes

std::string states_path(const std::string& folder)
{
    return folder + "/states";
}

}  // namespace

FileStates read_states(const std::string& folder)
{
    FileStates out;
    std::string text;
    if (read_file(states_path(folder), kMaxStates, text))
        return out;
    try {
        const json all = json::parse(text);
        for (const auto& [url, in] : all.items()) {
            FileState& state = out[url];
            state.next = whole<int64_t>(in.at("next"));
            state.failures = whole<uint32_t>(in.at("failures"));
            state.error = in.at("error");
            for (const json& refused : in.at("refused"))
                state.refused.push_back({refused.at("sha256"), refused.at("version")});
        }
    } catch (const json::exception&) {
        out.clear();  // all is fetched again, that is all
    }
    return out;
}

void write_states(const std::string& folder, const FileStates& states)
{
    json out = json::object();
    for (const auto& [url, state] : states) {
        json refused = json::array();
        for (const RefusedText& text : state.refused)
            refused.push_back({{"sha256", text.sha256}, {"version", text.version}});
        out[url] = {{"next", state.next},
                    {"failures", state.failures},
                    {"error", state.error},
                    {"refused", refused}};
    }
    const std::string path = states_path(folder);
    std::ofstream(path + ".new") << out.dump(1, ' ', false, json::error_handler_t::replace);
    std::filesystem::rename(path + ".new", path);
}

}  // namespace mxgate
