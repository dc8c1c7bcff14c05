// java.util.Properties' line format. Kafka reads it as Latin-1; we pass bytes through, so that UTF-8 files work too.
#include <algorithm>
#include <cctype>
#include <cstdint>

#include "config/sources.h"

namespace moldau::config {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\f'; }

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

/// Four hexadecimal digits at `at`; -1 when they are not.
std::int32_t hex4(std::string_view text, std::size_t at) {
  if (at + 4 > text.size()) return -1;
  std::int32_t code = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (std::isxdigit(c) == 0) return -1;
    code = code * 16 + (std::isdigit(c) != 0 ? c - '0' : std::tolower(c) - 'a' + 10);
  }
  return code;
}

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      if (text[i] != '\\') out += text[i];
      continue;
    }
    const char c = text[++i];
    if (c == 'u') {
      std::int32_t code = hex4(text, i + 1);
      if (code < 0) {
        out += 'u';
        continue;
      }
      i += 4;
      if (code >= 0xD800 && code < 0xDC00 && i + 2 < text.size() && text[i + 1] == '\\' && text[i + 2] == 'u') {
        const auto low = hex4(text, i + 3);
        if (low >= 0xDC00 && low < 0xE000) {
          code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
          i += 6;
        }
      }
      append_utf8(out, static_cast<std::uint32_t>(code));
    } else {
      out += c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 'f' ? '\f' : c;
    }
  }
  return out;
}

/// Splits natural lines and joins them to logical ones.
struct LogicalLine {
  std::string text;
  int number;
};

std::vector<LogicalLine> logical_lines(std::string_view text) {
  std::vector<LogicalLine> lines;
  bool joining = false;
  int number = 0;
  while (!text.empty()) {
    ++number;
    const auto end = text.find_first_of("\r\n");
    auto line = text.substr(0, end);
    std::size_t skip = end == std::string_view::npos ? text.size() : end + 1;
    if (end != std::string_view::npos && text[end] == '\r' && end + 1 < text.size() && text[end + 1] == '\n') ++skip;
    text.remove_prefix(skip);
    while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
    if (!joining && (line.empty() || line.front() == '#' || line.front() == '!')) continue;
    std::size_t slashes = 0;
    while (slashes < line.size() && line[line.size() - 1 - slashes] == '\\') ++slashes;
    const bool continues = slashes % 2 == 1;
    if (continues) line.remove_suffix(1);
    if (joining) {
      lines.back().text += line;
    } else {
      lines.push_back({std::string(line), number});
    }
    joining = continues;
  }
  return lines;
}

FileEntry split_entry(const LogicalLine& line) {
  const std::string_view text = line.text;
  std::size_t key_end = 0;
  while (key_end < text.size() && text[key_end] != '=' && text[key_end] != ':' && !is_blank(text[key_end])) key_end += text[key_end] == '\\' ? 2 : 1;
  key_end = std::min(key_end, text.size());
  std::size_t value = key_end;
  while (value < text.size() && is_blank(text[value])) ++value;
  if (value < text.size() && (text[value] == '=' || text[value] == ':')) ++value;
  while (value < text.size() && is_blank(text[value])) ++value;
  return {unescape(text.substr(0, key_end)), unescape(text.substr(value)), line.number};
}

}  // namespace

std::vector<FileEntry> parse_properties(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // an editor's byte order mark
  std::vector<FileEntry> entries;
  for (const auto& line : logical_lines(text)) entries.push_back(split_entry(line));
  return entries;
}

}  // namespace moldau::config
