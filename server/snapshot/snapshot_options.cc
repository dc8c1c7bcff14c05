#include "server/snapshot/snapshot_options.h"

#include <boost/program_options.hpp>
#include <sstream>

namespace moldau::server {
namespace {

namespace po = boost::program_options;

po::options_description options() {
  po::options_description all("Options");
  all.add_options()                                                                                                                                           //
      ("to", po::value<std::string>()->value_name("DIR"), "where the snapshot goes: a directory that does not exist yet")                                     //
      ("config,c", po::value<std::string>()->value_name("FILE"), "the broker's configuration, for its log.dirs and http.listeners")                           //
      ("override", po::value<std::vector<std::string>>()->composing()->value_name("KEY=VALUE"), "set one key; may be repeated, wins over all else")           //
      ("server", po::value<std::string>()->value_name("HOST:PORT"), "the running broker's HTTP address, when it is not that of http.listeners")               //
      ("copy", "copy all files, link none: for a snapshot that shares nothing with the broker's disk")                                                        //
      ("checksums", "read the linked files too, to note their checksums")                                                                                     //
      ("quiet,q", "no progress")                                                                                                                              //
      ("verify", po::value<std::string>()->value_name("DIR"), "check a snapshot instead of making one: every file of the manifest, every batch of the logs")  //
      ("help,h", "print this");
  return all;
}

}  // namespace

std::variant<SnapshotOptions, std::string> parse_snapshot_options(const std::vector<std::string>& words) {
  SnapshotOptions parsed;
  try {
    po::options_description hidden;
    hidden.add(options()).add_options()("file", po::value<std::vector<std::string>>());
    po::positional_options_description positional;
    positional.add("file", 1);
    po::variables_map values;
    po::store(po::command_line_parser(words).options(hidden).positional(positional).run(), values);
    po::notify(values);
    parsed.help = values.count("help") != 0;
    if (parsed.help) return parsed;
    parsed.copy = values.count("copy") != 0;
    parsed.checksums = values.count("checksums") != 0;
    parsed.quiet = values.count("quiet") != 0;
    if (values.count("to") != 0) parsed.to = values["to"].as<std::string>();
    if (values.count("verify") != 0) parsed.verify = values["verify"].as<std::string>();
    if (values.count("server") != 0) parsed.server = values["server"].as<std::string>();
    if (values.count("config") != 0) parsed.load.config_file = values["config"].as<std::string>();
    if (values.count("file") != 0) {
      if (parsed.load.config_file) return std::string("two configuration files are named: take one of them away");
      parsed.load.config_file = values["file"].as<std::vector<std::string>>().front();
    }
    if (values.count("override") != 0) parsed.load.overrides = values["override"].as<std::vector<std::string>>();
  } catch (const po::error& e) {
    return std::string(e.what()) + " (see moldau snapshot --help)";
  }
  if (parsed.verify && !parsed.to.empty()) return std::string("--verify checks a snapshot, --to makes one: name one of them");
  if (!parsed.verify && parsed.to.empty()) return std::string("--to DIR is missing: where the snapshot goes (see moldau snapshot --help)");
  if (parsed.copy && parsed.checksums) return std::string("--checksums is for linked files, --copy makes none: copies always have their checksums");
  parsed.load.environment = config::process_environment();
  return parsed;
}

std::string snapshot_help() {
  std::ostringstream text;
  text
      << "moldau snapshot - a consistent copy of a broker's log directories, with offsets and metadata\n\n"
         "  moldau snapshot [FILE] --to DIR [--override KEY=VALUE]...\n"
         "  moldau snapshot --verify DIR\n\n"
         "The broker may run (Moldau; it is asked over its HTTP port) or not (Moldau or Apache Kafka; FILE is its configuration). Closed segments are hard links\n"
         "where DIR is on the same file system, and take no room of their own; all else is copied. A running broker's logs end at their high watermarks.\n"
         "DIR gets a directory for each of log.dirs: dir0, dir1, ... To restore, start a broker on them (moldau serve --override log.dirs=DIR/dir0,...),\n"
         "or on a copy of them, to keep the snapshot.\n\n"
      << options();
  return text.str();
}

}  // namespace moldau::server
