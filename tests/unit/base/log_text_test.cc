#include "protocol/base/log_text.h"

#include <catch2/catch.hpp>

#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

#include "protocol/base/log.h"

using moldau::log_text;

namespace {
std::string shown(std::string_view text, std::size_t limit = moldau::kLogTextLimit) { return fmt::format("{}", log_text(text, limit)); }
}  // namespace

TEST_CASE("log_text: what a client sends can't break a line or move a terminal", "[base]") {
  CHECK(shown("console-consumer") == "console-consumer");
  CHECK(shown("gr\xc3\xbc\xc3\x9f dich \xe2\x82\xac \xf0\x9f\x90\xaa") == "gr\xc3\xbc\xc3\x9f dich \xe2\x82\xac \xf0\x9f\x90\xaa");
  CHECK(shown("a\nb\r\tc\x1b[31m") == "a\\x0ab\\x0d\\x09c\\x1b[31m");
  CHECK(shown(std::string_view("\0\x7f", 2)) == "\\x00\\x7f");
  CHECK(shown("\xc2\x9b") == "\\xc2\\x9b");                             // a C1 control: CSI
  CHECK(shown("\xe2\x80\xae") == "\\xe2\\x80\\xae");                    // right-to-left override
  CHECK(shown("\xe2\x80\xa8") == "\\xe2\\x80\\xa8");                    // line separator
  CHECK(shown("\xff\xfe\xc3") == "\\xff\\xfe\\xc3");                    // no UTF-8
  CHECK(shown("\xed\xa0\x80\xc0\xaf") == "\\xed\\xa0\\x80\\xc0\\xaf");  // a surrogate, an overlong slash
}

TEST_CASE("log_text: long text is cut and counted", "[base]") {
  const std::string text(32767, 'x');
  CHECK(shown(text) == std::string(moldau::kLogTextLimit, 'x') + "...(32767 bytes)");
  CHECK(shown("abcdef", 6) == "abcdef");
  CHECK(shown("abcdef", 5) == "abcde...(6 bytes)");
}

TEST_CASE("log: every message stays on one line, also where nobody escaped", "[base]") {
  std::ostringstream captured;
  auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(captured);
  sink->set_formatter(moldau::make_log_formatter());
  spdlog::logger logger("network", sink);
  logger.info("one\n[2026-01-01 00:00:00,000] info two");
  const auto line = captured.str();
  CHECK_THAT(line, Catch::Contains("info one\\x0a[2026-01-01 00:00:00,000] info two (moldau.network)"));
  CHECK(line.find('\n') == line.size() - 1);
}
