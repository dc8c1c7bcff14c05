// `moldau takeover`: makes the embedded metadata for a data directory of a stopped Apache Kafka 3.9 broker, whose ZooKeeper is not there. After it, `moldau serve` goes
// on with the same configuration. No file of Kafka's is touched, so the way back is to stop Moldau, tell Kafka's ZooKeeper what `moldau takeover --back FILE` writes, and start
// Kafka.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/broker_config.h"
#include "protocol/base/clock.h"
#include "protocol/base/error.h"
#include "protocol/base/random.h"
#include "storage/io/disk.h"

namespace moldau::server {

struct TakeoverOptions {
  bool dry_run = false;                                ///< Shows what it would do; writes nothing.
  bool keep_leader_epochs = false;                     ///< See TakeoverInput.
  std::optional<std::filesystem::path> back;           ///< give_back() instead of take_over().
  std::optional<std::filesystem::path> topic_configs;  ///< See parse_topic_configs().
};

struct TakeoverReport {
  std::string text;                   ///< What was, or would be, done: lines for the operator.
  std::vector<std::string> warnings;  ///< One line each.
};

struct TakeoverSeams {
  storage::Disk& disk;
  Clock& clock;
  Random& random;
};

/// Blocking. Errors: one line that says why nothing was done, and what to do.
Result<TakeoverReport> take_over(const config::BrokerConfig& config, const TakeoverOptions& options, const TakeoverSeams& seams);

/// Writes the commands for zookeeper-shell of plan_way_back() to `file`, and nothing else. Blocking. Errors: as take_over().
Result<TakeoverReport> give_back(const config::BrokerConfig& config, const std::filesystem::path& file, const TakeoverSeams& seams);

/// The text with control characters other than line ends written as \\xNN: names of files may hold anything, and a terminal obeys it.
std::string printable(std::string_view text);

/// The command: prints the report; returns the exit code.
int run_takeover(const config::BrokerConfig& config, const TakeoverOptions& options);

}  // namespace moldau::server
