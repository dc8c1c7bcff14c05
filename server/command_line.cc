#include "server/command_line.h"

#include <boost/program_options.hpp>
#include <sstream>

namespace moldau::server {
namespace {

namespace po = boost::program_options;

po::options_description options() {
  po::options_description all("Options");
  all.add_options()                                                                                                      //
      ("config,c", po::value<std::string>()->value_name("FILE"), "moldau.yaml, or an unchanged server.properties")       //
      ("override", po::value<std::vector<std::string>>()->composing()->value_name("KEY=VALUE"), "set one key; may be repeated, wins over all else")  //
      ("json", "check: print the effective configuration as JSON")                                                       //
      ("all", "check: print every key, not only those that are set")                                                     //
      ("version,V", "print the version")                                                                                 //
      ("help,h", "print this");
  return all;
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
    } else if (command == "help") {
      line.command = Command::help;
    } else if (command == "version") {
      line.command = Command::version;
    } else {
      return "unknown command '" + command + "'; the commands are serve, check, help, version (see moldau --help)";
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
    if (values.count("help") != 0) line.command = Command::help;
    if (values.count("version") != 0) line.command = Command::version;
    line.json = values.count("json") != 0;
    line.all = values.count("all") != 0;
    if (values.count("config") != 0) line.load.config_file = values["config"].as<std::string>();
    if (values.count("file") != 0) {  // as kafka-server-start takes it
      if (line.load.config_file) return std::string("two configuration files are named: take one of them away");
      line.load.config_file = values["file"].as<std::vector<std::string>>().front();
    }
    if (values.count("override") != 0) line.load.overrides = values["override"].as<std::vector<std::string>>();
  } catch (const po::error& e) {
    return std::string(e.what()) + " (see moldau --help)";
  }
  line.load.environment = config::process_environment();
  return line;
}

std::string help_text() {
  std::ostringstream text;
  text << "moldau - a Kafka broker in one native process\n\n"
          "  moldau [serve] [--config FILE] [--override KEY=VALUE]...   run a broker\n"
          "  moldau check [--config FILE] [--override KEY=VALUE]...     validate and print the configuration, start nothing\n"
          "  moldau version | help\n\n"
          "Without a file, moldau.yaml of the working directory is read if it is there. Keys are Apache Kafka's; the environment\n"
          "(KAFKA_LOG_RETENTION_HOURS, KAFKA_CFG_...) comes over the file, --override over both. Without ZooKeeper the broker keeps\n"
          "its metadata in its first log directory.\n\n"
       << options();
  return text.str();
}

}  // namespace moldau::server
