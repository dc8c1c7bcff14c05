// Text that came from outside (client ids, names, bytes) on its way into the log: one line, bounded, and nothing that a terminal or a log reader obeys.
//
// Control characters and what isn't UTF-8 become \xNN; text beyond the limit is cut and counted. MOLDAU_LOG escapes every message as a whole too (log.cc), so that
// a place that forgot can't break lines; the bound is the caller's: log fields that a client chooses with log_text().
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace moldau {

/// Longest piece of a client's text that a log line shows.
inline constexpr std::size_t kLogTextLimit = 128;

/// Borrowed; escaped when it is formatted, so a line that no level wants costs nothing.
struct LogText {
  std::string_view text;
  std::size_t limit = kLogTextLimit;
};

inline LogText log_text(std::string_view text, std::size_t limit = kLogTextLimit) { return {text, limit}; }

/// Appends at most `limit` bytes of the text, escaped; then `...(N bytes)` when there were more.
void append_escaped(std::string& out, std::string_view text, std::size_t limit);

}  // namespace moldau

template <>
struct fmt::formatter<moldau::LogText> : fmt::formatter<std::string_view> {
  auto format(const moldau::LogText& v, fmt::format_context& ctx) const {
    std::string out;
    moldau::append_escaped(out, v.text, v.limit);
    return fmt::formatter<std::string_view>::format(out, ctx);
  }
};
