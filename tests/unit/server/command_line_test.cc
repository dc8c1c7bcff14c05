#include "server/command_line.h"

#include <catch2/catch.hpp>

using namespace moldau::server;

TEST_CASE("Command line: takeover and its options", "[server]") {
  const auto parsed = parse_command_line({"takeover", "--config", "server.properties", "--dry-run", "--topic-configs", "topics.txt", "--override", "broker.id=3"});
  REQUIRE(std::holds_alternative<CommandLine>(parsed));
  const auto& line = std::get<CommandLine>(parsed);
  CHECK(line.command == Command::takeover);
  CHECK(line.dry_run);
  CHECK(line.topic_configs == "topics.txt");
  CHECK(line.load.config_file == "server.properties");
  CHECK(line.load.overrides == std::vector<std::string>{"broker.id=3"});
}

TEST_CASE("Command line: the way back", "[server]") {
  const auto parsed = parse_command_line({"takeover", "server.properties", "--back", "back.txt"});
  REQUIRE(std::holds_alternative<CommandLine>(parsed));
  CHECK(std::get<CommandLine>(parsed).back == "back.txt");
}

TEST_CASE("Command line: options of one command do not go with another", "[server]") {
  const auto wrong = [](const std::vector<std::string>& words) {
    const auto parsed = parse_command_line(words);
    REQUIRE(std::holds_alternative<std::string>(parsed));
    return std::get<std::string>(parsed);
  };
  CHECK(wrong({"serve", "--dry-run"}) == "--dry-run goes with moldau takeover");
  CHECK(wrong({"--topic-configs", "x"}) == "--topic-configs goes with moldau takeover");
  CHECK(wrong({"serve", "--json"}) == "--json goes with moldau check");
  CHECK(wrong({"serve", "--back", "x"}) == "--back goes with moldau takeover");
  CHECK(wrong({"takeover", "--back", "x", "--dry-run"}) == "--back does not go with --dry-run: it makes no metadata");
  CHECK(wrong({"takeover", "--all"}) == "--all goes with moldau check");
  CHECK(wrong({"version", "x"}) == "moldau version takes no arguments");
  CHECK(std::holds_alternative<CommandLine>(parse_command_line({"check", "server.properties", "--json"})));
  CHECK(std::holds_alternative<CommandLine>(parse_command_line({"serve", "--help"})));
}

TEST_CASE("Command line: a default is apart from an override", "[server]") {
  const auto parsed = parse_command_line({"serve", "--default", "advertised.listeners=auto", "server.properties"});
  REQUIRE(std::holds_alternative<CommandLine>(parsed));
  const auto& load = std::get<CommandLine>(parsed).load;
  CHECK(load.defaults == std::vector<std::string>{"advertised.listeners=auto"});
  CHECK(load.overrides.empty());
  CHECK(load.config_file == "server.properties");
}
