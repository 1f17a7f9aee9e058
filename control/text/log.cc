// SPDX-License-Identifier: BSD-2-Clause
#include "control/text/log.h"

#include <fmt/chrono.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>

namespace mxgate {
namespace {

void append(spdlog::memory_buf_t& to, std::string_view text)
{
    to.append(text.data(), text.data() + text.size());
}

// sd-daemon(3)
std::string_view priority(spdlog::level::level_enum level)
{
    switch (level) {
        case spdlog::level::critical:
            return "<2>";
        case spdlog::level::err:
            return "<3>";
        case spdlog::level::warn:
            return "<4>";
        case spdlog::level::info:
            return "<6>";
        default:
            return "<7>";
    }
}

// The journal ends an entry at each line, so each line of a message has its priority.
class JournalFormatter : public spdlog::formatter
{
public:
    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& to) override
    {
        std::string_view left(message.payload.data(), message.payload.size());
        for (;;) {
            const size_t end = std::min(left.find('\n'), left.size());
            append(to, priority(message.level));
            append(to, left.substr(0, end));
            append(to, "\n");
            if (end == left.size())
                return;
            left.remove_prefix(end + 1);
        }
    }
    std::unique_ptr<formatter> clone() const override
    {
        return std::make_unique<JournalFormatter>();
    }
};

class JsonFormatter : public spdlog::formatter
{
public:
    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& to) override
    {
        using nlohmann::ordered_json;
        const auto us = std::chrono::time_point_cast<std::chrono::microseconds>(message.time);
        const auto level = spdlog::level::to_string_view(message.level);
        const ordered_json line{
            {"time", fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", us)},
            {"level", std::string(level.data(), level.size())},
            {"program", std::string(message.logger_name.data(), message.logger_name.size())},
            {"message", std::string(message.payload.data(), message.payload.size())}};
        append(to, line.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n");
    }
    std::unique_ptr<formatter> clone() const override { return std::make_unique<JsonFormatter>(); }
};

// systemd.exec(5): JOURNAL_STREAM names the journal's stream by device and inode.
bool stderr_is_journal()
{
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat file {
    };
    return stream != nullptr && ::fstat(STDERR_FILENO, &file) == 0 &&
           stream == fmt::format("{}:{}", file.st_dev, file.st_ino);
}

}  // namespace

void start_log(const std::string& program, const std::string& level, LogFormat format)
{
    if (format == LogFormat::automatic)
        format = stderr_is_journal() ? LogFormat::journal : LogFormat::text;
    const auto logger = format == LogFormat::text ? spdlog::stderr_color_mt(program)
                                                  : spdlog::stderr_logger_mt(program);
    if (format == LogFormat::journal)
        logger->set_formatter(std::make_unique<JournalFormatter>());
    if (format == LogFormat::json)
        logger->set_formatter(std::make_unique<JsonFormatter>());
    spdlog::set_default_logger(logger);
    spdlog::set_level(spdlog::level::from_str(level));
}

}  // namespace mxgate
