#include "server/takeover/takeover.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <thread>

#include "replication/store/embedded_store.h"
#include "server/takeover/kafka_directories.h"
#include "server/takeover/log_survey.h"
#include "server/takeover/metadata_snapshot.h"
#include "server/takeover/takeover_plan.h"
#include "server/takeover/topic_configs_file.h"
#include "storage/io/posix_disk.h"

namespace moldau::server {
namespace {

constexpr const char* kStoreFile = "moldau-metadata.db";

using Surveys = std::map<TopicPartition, LogSurvey>;

/// Surveys all partitions, as many at a time as there are cores: with much data the disk is what it waits for.
Result<Surveys> survey_logs(storage::Disk& disk, const KafkaDirectories& directories) {
  Surveys surveys;
  std::vector<std::pair<const std::string*, LogSurvey*>> jobs;
  for (const auto& [name, topic] : directories.topics)
    for (const auto& [partition, path] : topic.partitions) jobs.emplace_back(&path, &surveys[TopicPartition{name, partition}]);
  std::atomic<std::size_t> next{0};
  std::mutex failure_mutex;
  std::optional<Error> failure;
  const auto work = [&] {
    for (auto i = next++; i < jobs.size(); i = next++) {
      auto survey = survey_log(disk, *jobs[i].first);
      if (survey) {
        *jobs[i].second = std::move(*survey);
        continue;
      }
      const std::lock_guard lock(failure_mutex);
      failure = survey.error();
      next = jobs.size();
    }
  };
  {
    std::vector<std::jthread> threads;
    const auto n = std::min<std::size_t>(std::thread::hardware_concurrency(), jobs.size() / 8);
    for (std::size_t i = 1; i < n; ++i) threads.emplace_back(work);
    work();
  }
  if (failure) return *failure;
  return surveys;
}

std::string_view to_text(PlannedTopic::Configs configs) {
  switch (configs) {
    case PlannedTopic::Configs::from_file: return "configuration of the file";
    case PlannedTopic::Configs::internal: return "Kafka's configuration of it";
    case PlannedTopic::Configs::kept_safe: return "kept safe";
    case PlannedTopic::Configs::known: return "configuration as it is";
  }
  return "";
}

std::string describe(const TakeoverPlan& plan, const KafkaDirectories& directories, const Surveys& surveys) {
  std::size_t partitions = 0;
  for (const auto& [name, topic] : plan.topics) partitions += topic.epochs.size();
  auto text = fmt::format("cluster {}, broker {}: {} topics with {} partitions in {}\n", plan.cluster_id, plan.broker_id.value(), plan.topics.size(), partitions,
                          fmt::join(directories.log_dirs, ", "));
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
  auto notes = directories.notes;
  for (const auto& [tp, survey] : surveys) notes.insert(notes.end(), survey.notes.begin(), survey.notes.end());
  for (const auto& note : notes) text += "  " + note + "\n";
  return text;
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

KafkaDirectoriesRequest directories_request(const config::BrokerConfig& config, bool make_locks) {
  KafkaDirectoriesRequest request;
  request.log_dirs = config.data_dirs;
  if (config.broker_id >= 0) request.broker_id = BrokerId(config.broker_id);
  request.cluster_id = config.cluster_id;
  request.make_locks = make_locks;
  return request;
}

}  // namespace

Result<TakeoverReport> take_over(const config::BrokerConfig& config, const TakeoverOptions& options, const TakeoverSeams& seams) {
  const auto topic_configs = read_topic_configs(config, options, seams.disk);
  if (!topic_configs) return topic_configs.error();
  const auto directories = read_kafka_directories(seams.disk, directories_request(config, !options.dry_run));
  if (!directories) return directories.error();
  const auto surveys = survey_logs(seams.disk, *directories);
  if (!surveys) return surveys.error();

  const auto dir = replication::find_embedded_store(config.data_dirs);
  if (!dir) return dir.error();
  const auto file = *dir + "/" + kStoreFile;
  const auto there = seams.disk.stat(file);
  if (!there) return there.error();
  MetadataSnapshot known;
  std::unique_ptr<replication::MetadataStore> store;
  const auto open_store = [&]() -> Status {
    auto opened = replication::open_embedded_store(*dir, seams.clock);
    if (!opened) return opened.error();
    store = std::move(*opened);
    return {};
  };
  if (*there) {
    if (auto opened = open_store(); !opened) return opened.error();
    auto read = read_metadata(*store);
    if (!read) return read.error();
    known = std::move(*read);
  }
  const TakeoverInput input{*directories, *surveys, known, *topic_configs ? &**topic_configs : nullptr, config, options.keep_leader_epochs};
  const auto plan = plan_takeover(input, seams.random);
  if (!plan) return plan.error();

  TakeoverReport report;
  report.text = describe(*plan, *directories, *surveys);
  report.warnings = plan->warnings;
  if (options.dry_run) {
    report.text += fmt::format("dry run: nothing is written; without --dry-run this goes to {}\n", file);
    return report;
  }
  if (!store)
    if (auto opened = open_store(); !opened) return opened.error();
  if (auto written = write_metadata(*store, plan->nodes); !written) return written.error();
  store->close();
  store.reset();
  if (auto synced = seams.disk.sync_directory(*dir); !synced) return synced.error();
  report.text += fmt::format("written to {}: start moldau serve with the same configuration\n", file);
  return report;
}

int run_takeover(const config::BrokerConfig& config, const TakeoverOptions& options) {
  const auto random = make_system_random();
  const TakeoverSeams seams{storage::posix_disk(), system_clock(), *random};
  const auto report = take_over(config, options, seams);
  if (!report) {
    fmt::print(stderr, "moldau takeover: refused: {}\n", report.error().message);
    return 1;
  }
  fmt::print("{}", report->text);
  std::fflush(stdout);
  for (const auto& warning : report->warnings) fmt::print(stderr, "moldau takeover: warning: {}\n", warning);
  return 0;
}

}  // namespace moldau::server
