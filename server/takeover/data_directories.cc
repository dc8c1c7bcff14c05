#include "server/takeover/data_directories.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "replication/store/embedded_store.h"
#include "replication/store/metadata_store.h"

namespace moldau::server {
namespace {

namespace fs = std::filesystem;

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

/// A folder of this process alone, gone with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    auto pattern = (fs::temp_directory_path() / "moldau-takeover-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::system_error(errno, std::generic_category(), pattern);
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;  // a leftover in the temporary directory harms nobody
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

/// The locks are held, so nobody writes meanwhile.
Result<std::optional<MetadataSnapshot>> read_store(const std::string& dir, Clock& clock) {
  try {
    const auto file = fs::path(dir) / kStoreFile;
    if (!fs::exists(file)) return std::optional<MetadataSnapshot>();
    const TemporaryFolder folder;
    for (const auto* suffix : {"", "-wal", "-journal"}) {  // a journal: killed while it made the file
      const auto from = fs::path(file.string() + suffix);
      if (fs::exists(from)) fs::copy_file(from, folder.path() / from.filename());
    }
    auto store = replication::open_embedded_store(folder.path().string(), clock);
    if (!store) return Error(store.error().code, fmt::format("{} cannot be read: {}", file.string(), store.error().message));
    auto known = read_metadata(**store);
    (*store)->close();
    if (!known) return known.error();
    return std::optional<MetadataSnapshot>(std::move(*known));
  } catch (const std::system_error& failed) {  // fs::filesystem_error too
    return storage::storage_error(fmt::format("the embedded metadata of {} cannot be copied to read it: {}", dir, failed.what()));
  }
}

KafkaDirectoriesRequest request(const config::BrokerConfig& config, bool make_locks) {
  KafkaDirectoriesRequest request;
  request.log_dirs = config.data_dirs;
  if (config.broker_id >= 0) request.broker_id = BrokerId(config.broker_id);
  request.cluster_id = config.cluster_id;
  request.make_locks = make_locks;
  return request;
}

}  // namespace

Result<DataDirectories> read_data_directories(const config::BrokerConfig& config, bool make_locks, storage::Disk& disk, Clock& clock) {
  DataDirectories data;
  auto directories = read_kafka_directories(disk, request(config, make_locks));
  if (!directories) return directories.error();
  data.directories = std::move(*directories);
  auto dir = replication::find_embedded_store(config.data_dirs);
  if (!dir) return dir.error();
  data.store_dir = std::move(*dir);
  auto known = read_store(data.store_dir, clock);
  if (!known) return known.error();
  data.known = std::move(*known);
  auto surveys = survey_logs(disk, data.directories);
  if (!surveys) return surveys.error();
  data.surveys = std::move(*surveys);
  return data;
}

}  // namespace moldau::server
