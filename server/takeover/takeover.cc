#include "server/takeover/takeover.h"

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "replication/store/embedded_store.h"
#include "replication/store/metadata_store.h"
#include "server/takeover/data_directories.h"
#include "server/takeover/takeover_plan.h"
#include "server/takeover/topic_configs_file.h"
#include "server/takeover/way_back.h"
#include "storage/io/posix_disk.h"

namespace moldau::server {
namespace {

std::string_view to_text(PlannedTopic::Configs configs) {
  switch (configs) {
    case PlannedTopic::Configs::from_file: return "configuration of the file";
    case PlannedTopic::Configs::internal: return "Kafka's configuration of it";
    case PlannedTopic::Configs::kept_safe: return "kept safe";
    case PlannedTopic::Configs::known: return "configuration as it is";
  }
  return "";
}

std::string describe(const TakeoverPlan& plan, const DataDirectories& data) {
  std::size_t partitions = 0;
  for (const auto& [name, topic] : plan.topics) partitions += topic.epochs.size();
  auto text = fmt::format("cluster {}, broker {}: {} topics with {} partitions in {}\n", plan.cluster_id, plan.broker_id.value(), plan.topics.size(), partitions,
                          fmt::join(data.directories.log_dirs, ", "));
  for (const auto& [name, topic] : plan.topics) {
    auto lowest = topic.epochs.begin()->second;
    auto highest = lowest;
    for (const auto& [partition, epoch] : topic.epochs) {
      lowest = std::min(lowest, epoch);
      highest = std::max(highest, epoch);
    }
    text += fmt::format("  topic {}: {}id {}{}, {} partition{}, leader epoch {}{}, {}", name, topic.known ? "known, " : "", topic.id.to_string(), topic.new_id ? " (new)" : "",
                        topic.epochs.size(), topic.epochs.size() == 1 ? "" : "s", lowest.value(), lowest == highest ? "" : fmt::format(" to {}", highest.value()), to_text(topic.configs));
    if (topic.settings)
      for (bool first = true; const auto& [key, value] : *topic.settings) text += fmt::format("{}{}={}", std::exchange(first, false) ? ": " : " ", key, value);
    text += '\n';
  }
  text += fmt::format("  producer ids from {} on ({})\n", plan.first_producer_id,
                      plan.highest_producer_id == kNoProducerId ? "none was seen" : fmt::format("the highest seen is {}", plan.highest_producer_id.value()));
  auto notes = data.directories.notes;
  for (const auto& [tp, survey] : data.surveys) notes.insert(notes.end(), survey.notes.begin(), survey.notes.end());
  for (const auto& note : notes) text += "  " + note + "\n";
  return text;
}

/// Who runs the takeover as root and the broker as another user leaves metadata that this user cannot write.
void warn_of_owner(const std::string& dir, std::vector<std::string>& warnings) {
  struct stat owner {};  // not through Disk, which knows no owners
  if (::stat(dir.c_str(), &owner) != 0 || owner.st_uid == ::geteuid()) return;
  warnings.push_back(fmt::format("{} belongs to user {} and the takeover runs as user {}: run it as the user of moldau serve, or give that user {}/{}* (chown)", dir, owner.st_uid, ::geteuid(), dir,
                                 kStoreFile));
}

Result<std::optional<TopicConfigs>> read_topic_configs(const config::BrokerConfig& config, const TakeoverOptions& options, storage::Disk& disk) {
  if (!options.topic_configs) return std::optional<TopicConfigs>();
  const auto path = options.topic_configs->string();
  const auto text = storage::read_whole(disk, path);
  if (!text) return text.error();
  if (!*text) return Error(ErrorCode::invalid_config, fmt::format("--topic-configs {}: there is no such file", path));
  auto topics = parse_topic_configs(**text, path, config);
  if (!topics) return topics.error();
  return std::optional<TopicConfigs>(std::move(*topics));
}

}  // namespace

Result<TakeoverReport> take_over(const config::BrokerConfig& config, const TakeoverOptions& options, const TakeoverSeams& seams) {
  const auto topic_configs = read_topic_configs(config, options, seams.disk);
  if (!topic_configs) return topic_configs.error();
  const auto data = read_data_directories(config, !options.dry_run, seams.disk, seams.clock);
  if (!data) return data.error();
  const auto known = data->known.value_or(MetadataSnapshot());
  const TakeoverInput input{data->directories, data->surveys, known, *topic_configs ? &**topic_configs : nullptr, config, options.keep_leader_epochs};
  const auto plan = plan_takeover(input, seams.random);
  if (!plan) return plan.error();

  const auto file = data->store_dir + "/" + kStoreFile;
  TakeoverReport report;
  report.text = describe(*plan, *data);
  report.warnings = plan->warnings;
  warn_of_owner(data->store_dir, report.warnings);
  if (options.dry_run) {
    report.text += fmt::format("dry run: nothing is written; without --dry-run this goes to {}\n", file);
    return report;
  }
  auto store = replication::open_embedded_store(data->store_dir, seams.clock);
  if (!store) return store.error();
  if (auto written = write_metadata(**store, plan->nodes); !written) return written.error();
  (*store)->close();
  store->reset();
  if (auto synced = seams.disk.sync_directory(data->store_dir); !synced) return synced.error();
  report.text += fmt::format("written to {}: start moldau serve with the same configuration\n", file);
  return report;
}

Result<TakeoverReport> give_back(const config::BrokerConfig& config, const std::filesystem::path& file, const TakeoverSeams& seams) {
  const auto data = read_data_directories(config, false, seams.disk, seams.clock);
  if (!data) return data.error();
  if (!data->known)
    return Error(ErrorCode::invalid_config, fmt::format("there is no {} in {}: Moldau never served these directories, and Apache Kafka's ZooKeeper knows all there is", kStoreFile,
                                                        fmt::join(data->directories.log_dirs, ", ")));
  const auto commands = plan_way_back({data->directories, data->surveys, *data->known});
  if (!commands) return commands.error();
  if (auto written = storage::write_atomically(seams.disk, file.string(), *commands); !written) return written.error();
  std::size_t partitions = 0;
  for (const auto& [name, topic] : data->known->topics) partitions += topic.partitions.size();
  TakeoverReport report;
  report.text = fmt::format("cluster {}, broker {}: {} topics with {} partitions for Kafka's ZooKeeper are in {}. While no broker runs:\n"
                            "  bin/zookeeper-shell.sh ZOOKEEPER < {}    (\"Node already exists\" is said of all that ZooKeeper knows)\n"
                            "Then start Apache Kafka. Topics that were deleted here are in ZooKeeper still: Kafka begins them empty.\n",
                            data->directories.cluster_id, data->directories.broker_id.value(), data->known->topics.size(), partitions, file.string(), file.string());
  return report;
}

std::string printable(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  for (const char c : text) {
    if (const auto byte = static_cast<unsigned char>(c); (byte < 0x20 && c != '\n') || byte == 0x7f)
      shown += fmt::format("\\x{:02x}", byte);
    else
      shown += c;
  }
  return shown;
}

int run_takeover(const config::BrokerConfig& config, const TakeoverOptions& options) {
  const auto random = make_system_random();
  const TakeoverSeams seams{storage::posix_disk(), system_clock(), *random};
  const auto report = options.back ? give_back(config, *options.back, seams) : take_over(config, options, seams);
  if (!report) {
    fmt::print(stderr, "moldau takeover: refused: {}\n", printable(report.error().message));
    return 1;
  }
  fmt::print("{}", printable(report->text));
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    fmt::print(stderr, "moldau takeover: the output cannot be written: {}\n", std::generic_category().message(errno));
    return 1;
  }
  for (const auto& warning : report->warnings) fmt::print(stderr, "moldau takeover: warning: {}\n", printable(warning));
  return 0;
}

}  // namespace moldau::server
