#include "server/command_line.h"

#include <boost/program_options.hpp>
#include <array>
#include <sstream>

namespace moldau::server {
namespace {

namespace po = boost::program_options;

po::options_description options() {
  po::options_description all("Options");
  all.add_options()                                                                                                      //
      ("config,c", po::value<std::string>()->value_name("FILE"), "moldau.yaml, or an unchanged server.properties")       //
      ("override", po::value<std::vector<std::string>>()->composing()->value_name("KEY=VALUE"), "set one key; may be repeated, wins over all else")  //
      ("default", po::value<std::vector<std::string>>()->composing()->value_name("KEY=VALUE"), "what one key is when nothing else sets it; may be repeated")  //
      ("json", "check: print the effective configuration as JSON")                                                       //
      ("all", "check: print every key, not only those that are set")                                                     //
      ("dry-run", "takeover: show what it would do, write nothing")                                                      //
      ("keep-leader-epochs", "takeover: lead in the epochs of Kafka, not above them, so that groups go on after a return to it")  //
      ("back", po::value<std::string>()->value_name("FILE"), "takeover: write, for zookeeper-shell, what Kafka's ZooKeeper must know before Kafka has the directories again")  //
      ("topic-configs", po::value<std::string>()->value_name("FILE"), "takeover: topic overrides, the output of kafka-configs --entity-type topics --describe, or YAML")  //
      ("version,V", "print the version")                                                                                 //
      ("help,h", "print this");
  return all;
}

struct OwnedOption {
  std::string_view name;
  Command owner;
  std::string_view command;
};
constexpr std::array<OwnedOption, 6> kOwnedOptions = {{{"json", Command::check, "check"},
                                                       {"all", Command::check, "check"},
                                                       {"dry-run", Command::takeover, "takeover"},
                                                       {"keep-leader-epochs", Command::takeover, "takeover"},
                                                       {"back", Command::takeover, "takeover"},
                                                       {"topic-configs", Command::takeover, "takeover"}}};

/// What is wrong with these words for their command; nothing: they go together.
std::optional<std::string> misplaced(const po::variables_map& values, Command command) {
  if (command == Command::help || values.count("help") != 0 || values.count("version") != 0) return std::nullopt;
  if (command == Command::version && !values.empty()) return "moldau version takes no arguments";
  for (const auto& option : kOwnedOptions)
    if (values.count(std::string(option.name)) != 0 && option.owner != command) return "--" + std::string(option.name) + " goes with moldau " + std::string(option.command);
  if (values.count("back") != 0)
    for (const char* other : {"dry-run", "keep-leader-epochs", "topic-configs"})
      if (values.count(other) != 0) return "--back does not go with --" + std::string(other) + ": it makes no metadata";
  return std::nullopt;
}

}  // namespace

std::variant<CommandLine, std::string> parse_command_line(const std::vector<std::string>& words) {
  CommandLine line;
  std::vector<std::string> rest = words;
  if (!rest.empty() && !rest.front().starts_with("-")) {
    const std::string command = rest.front();
    if (command == "serve") {
      line.command = Command::serve;
    } else if (command == "check") {
      line.command = Command::check;
    } else if (command == "takeover") {
      line.command = Command::takeover;
    } else if (command == "dump-log" || command == "snapshot") {
      line.command = command == "snapshot" ? Command::snapshot : Command::dump_log;
      line.tool_words.assign(rest.begin() + 1, rest.end());
      return line;
    } else if (command == "help") {
      line.command = Command::help;
    } else if (command == "version") {
      line.command = Command::version;
    } else {
      return "unknown command '" + command + "'; the commands are serve, check, takeover, snapshot, dump-log, help, version (see moldau --help)";
    }
    rest.erase(rest.begin());
  }
  try {
    po::options_description hidden;
    hidden.add(options()).add_options()("file", po::value<std::vector<std::string>>());
    po::positional_options_description positional;
    positional.add("file", 1);
    po::variables_map values;
    po::store(po::command_line_parser(rest).options(hidden).positional(positional).run(), values);
    po::notify(values);
    if (const auto wrong = misplaced(values, line.command)) return *wrong;
    if (values.count("help") != 0) line.command = Command::help;
    if (values.count("version") != 0) line.command = Command::version;
    line.json = values.count("json") != 0;
    line.all = values.count("all") != 0;
    line.dry_run = values.count("dry-run") != 0;
    line.keep_leader_epochs = values.count("keep-leader-epochs") != 0;
    if (values.count("back") != 0) line.back = values["back"].as<std::string>();
    if (values.count("topic-configs") != 0) line.topic_configs = values["topic-configs"].as<std::string>();
    if (values.count("config") != 0) line.load.config_file = values["config"].as<std::string>();
    if (values.count("file") != 0) {  // as kafka-server-start takes it
      if (line.load.config_file) return std::string("two configuration files are named: take one of them away");
      line.load.config_file = values["file"].as<std::vector<std::string>>().front();
    }
    if (values.count("override") != 0) line.load.overrides = values["override"].as<std::vector<std::string>>();
    if (values.count("default") != 0) line.load.defaults = values["default"].as<std::vector<std::string>>();
  } catch (const po::error& e) {
    return std::string(e.what()) + " (see moldau --help)";
  }
  line.load.environment = config::process_environment();
  return line;
}

std::string help_text() {
  std::ostringstream text;
  text << "moldau - a Kafka broker in one native process\n\n"
          "  moldau [serve] [FILE] [--override KEY=VALUE]...            run a broker\n"
          "  moldau check [FILE] [--override KEY=VALUE]...              validate and print the configuration, start nothing\n"
          "  moldau takeover [FILE] [--dry-run] [--keep-leader-epochs] [--topic-configs FILE]\n"
          "                                                             make the metadata for a stopped Kafka broker's log directories\n"
          "  moldau takeover [FILE] --back FILE                         write what Kafka's ZooKeeper must know before the way back\n"
          "  moldau snapshot [FILE] --to DIR                            copy the log directories of a running or stopped broker (see moldau snapshot --help)\n"
          "  moldau dump-log --files FILE,...                           print segments, indexes and snapshots, as kafka-dump-log does\n"
          "  moldau dump-log --verify DIR                               check all files of a data directory\n"
          "  moldau version | help\n\n"
          "FILE is the same as --config FILE. Without one, moldau.yaml of the working directory is read if it is there. Keys are Apache Kafka's; the environment\n"
          "(KAFKA_LOG_RETENTION_HOURS, KAFKA_CFG_...) comes over the file, --override over both. Without ZooKeeper the broker keeps\n"
          "its metadata in its first log directory.\n\n"
       << options();
  return text.str();
}

}  // namespace moldau::server
