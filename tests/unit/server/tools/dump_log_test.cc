// Arguments and texts of dump-log that need no oracle; that the text is Apache Kafka's is shown by tests/conformance/dump_log.
#include "server/command_line.h"
#include "server/tools/dump_log_options.h"
#include "server/tools/java_text.h"
#include "server/tools/json_text.h"
#include "tests/unit/server/tools/tool_fixture.h"

using namespace moldau;
using namespace moldau::server::tools;
using namespace moldau::server::tools::test;
using Catch::Contains;

namespace {

DumpLogOptions options(const std::vector<std::string>& words) {
  auto parsed = parse_dump_log_options(words);
  REQUIRE(std::holds_alternative<DumpLogOptions>(parsed));
  return std::get<DumpLogOptions>(parsed);
}

std::string refusal(const std::vector<std::string>& words) {
  auto parsed = parse_dump_log_options(words);
  REQUIRE(std::holds_alternative<Usage>(parsed));
  return std::get<Usage>(parsed).text;
}

}  // namespace

TEST_CASE("dump-log: arguments as joptsimple takes them", "[tools]") {
  const auto plain = options({"--files", "a.log,b.index,"});
  CHECK(plain.files == std::vector<std::string>{"a.log", "b.index"});
  CHECK(!plain.deep_iteration);
  CHECK(options({"--deep", "--files=a.log"}).deep_iteration);
  CHECK(options({"-print-data-log", "-files", "a.log"}).deep_iteration);
  CHECK(options({"--max-b", "12", "--files", "a.log"}).max_bytes == 12);
  const auto decoder = options({"--files", "a.log", "--value-decoder-class", "--key-decoder-class", "x.Y"});
  CHECK(decoder.print_data_log);
  CHECK(decoder.value_decoder_class == "org.apache.kafka.tools.api.StringDecoder");
  CHECK(decoder.key_decoder_class == "x.Y");
  CHECK(options({"--verify", "/d"}).verify == "/d");
  CHECK(options({"--version"}).show_version);
}

TEST_CASE("dump-log: wrong arguments", "[tools]") {
  CHECK(refusal({"--files", "a", "--foo"}) == "foo is not a recognized option\n");
  CHECK(refusal({"--files"}) == "Option files requires an argument\n");
  CHECK(refusal({"--max", "1", "--files", "a"}) == "max is not a recognized option\n");
  CHECK(refusal({"--files", "a", "--files", "b"}) == "Found multiple arguments for option files, but you asked for only one\n");
  CHECK(refusal({"--files", "a", "--max-bytes", "x"}) == "Cannot parse argument 'x' of option max-bytes\n");
  CHECK_THAT(refusal({"--deep-iteration"}), Catch::StartsWith("Missing required argument \"[files]\"\nOption "));
  CHECK_THAT(refusal({"--cluster-metadata-decoder", "--files", "a"}), Contains("use kafka-dump-log"));
  CHECK_THAT(refusal({}), Catch::StartsWith("This tool helps to parse a log file"));
}

TEST_CASE("dump-log: the command takes its arguments unparsed", "[tools]") {
  const auto parsed = server::parse_command_line({"dump-log", "--files", "x.log", "--help"});
  REQUIRE(std::holds_alternative<server::CommandLine>(parsed));
  CHECK(std::get<server::CommandLine>(parsed).command == server::Command::dump_log);
  CHECK(std::get<server::CommandLine>(parsed).tool_words == std::vector<std::string>{"--files", "x.log", "--help"});
}

TEST_CASE("dump-log: files that are missing, unknown or nameless", "[tools]") {
  const auto missing = run_tool({"--files", "/nonexistent//00000000000000000000.log"});
  CHECK(missing.code == 1);
  CHECK(missing.out == "Dumping /nonexistent/00000000000000000000.log\nLog starting offset: 0\n");
  CHECK_THAT(missing.err, Catch::StartsWith("moldau dump-log: "));
  const auto unknown = run_tool({"--files", "/nonexistent/a.foo"});
  CHECK(unknown.code == 0);
  CHECK(unknown.err == "Ignoring unknown file /nonexistent/a.foo\n");
  CHECK(run_tool({"--files", "/nonexistent/recovery-point"}).code == 1);
  CHECK(run_tool({"--files", "/nonexistent/x.log"}).code == 1);
  CHECK_THAT(run_tool({"--files", "/nonexistent/0.log", "--key-decoder-class", "foo.Bar"}).err, Contains("foo.Bar is not known"));
}

TEST_CASE("dump-log: batches, records and gaps", "[tools]") {
  const DataDir dir;
  dir.change(dir.file(0, ".log"), [&](File& f) { store_be(f.data() + 3 * dir.batch_size(), std::int64_t{33}); });
  const auto done = run_tool({"--deep-iteration", "--files", dir.file(0, ".log")});
  CHECK(done.code == 0);
  CHECK_THAT(
      done.out,
      Contains(
          "baseOffset: 10 lastOffset: 19 count: 10 baseSequence: 10 lastSequence: 19 producerId: 7 producerEpoch: 0 partitionLeaderEpoch: 2 isTransactional: false "
          "isControl: false deleteHorizonMs: OptionalLong.empty position: " +
          std::to_string(dir.batch_size()) + " CreateTime: 1700000000019 size: "));
  CHECK_THAT(done.out, Contains("| offset: 12 CreateTime: 1700000000012 keySize: 5 valueSize: 10 sequence: 12 headerKeys: []\n"));
  CHECK(done.err == "Non-consecutive offsets in " + dir.file(0, ".log") + "\n  29 is followed by 33\n");
}

TEST_CASE("java_utf8: malformed text is replaced as the JDK does it", "[tools]") {
  const auto decoded = [](std::string_view s) { return java_utf8(as_bytes(s)); };
  const std::string r = "\xEF\xBF\xBD";
  CHECK(decoded("a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80") == "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80");
  CHECK(decoded("\xC3(") == r + "(");
  CHECK(decoded("\xE2\x82"
                "b") == r + "b");
  CHECK(decoded("\xED\xA0\x80") == r);
  CHECK(decoded("\xF0\x9F") == r);
  CHECK(decoded("\xC0\x80") == r + r);
  CHECK(decoded("\xFFz") == r + "z");
}

TEST_CASE("java_text: hashes, paths, Base64, JSON", "[tools]") {
  CHECK(java_hash("abc") == 96354);
  CHECK(java_hash("\xF0\x9F\x98\x80") == 1772899);
  CHECK(java_hash("t", 0) == 31 * 31 + 116);
  CHECK(java_path("a//b/") == "a/b");
  CHECK(java_absolute_path("/x//y") == "/x/y");
  CHECK(base64(as_bytes("")) == "");
  CHECK(base64(as_bytes("f")) == "Zg==");
  CHECK(base64(as_bytes("fo")) == "Zm8=");
  CHECK(base64(as_bytes("foobar")) == "Zm9vYmFy");
  JsonText json;
  json.open();
  json.field("a", std::string_view("q\"\\\n\x01"));
  json.field("b", std::optional<std::string_view>());
  json.name("c");
  json.open_array();
  json.value(1);
  json.value(std::int8_t{-2});
  json.close_array();
  json.close();
  CHECK(json.take() == "{\"a\":\"q\\\"\\\\\\n\\u0001\",\"b\":null,\"c\":[1,-2]}");
}
