// A data directory as a stopped Kafka broker leaves it, made up for one test.
#pragma once

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "config/broker_config.h"
#include "protocol/records/record_batch_builder.h"
#include "storage/io/posix_disk.h"
#include "storage/producer_state/producer_snapshots.h"

/// REQUIRE(result) tells the error.
template <class T, class E>
struct Catch::StringMaker<boost::system::result<T, E>> {
  static std::string convert(const boost::system::result<T, E>& r) { return r ? "ok" : "error: " + r.error().message; }
};

namespace moldau::server::test {

inline constexpr const char* kClusterId = "iGkWbdXHQxC0yB_tWr7SLw";
inline constexpr const char* kIdA = "XECk-PJhQeWPPs7JBcuDkw";
inline constexpr const char* kIdB = "nvJ01wnmR12yLY4HOYbM3Q";

class MadeUpKafka {
 public:
  MadeUpKafka() {
    std::string pattern = (std::filesystem::temp_directory_path() / "moldau-takeover-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    root_ = pattern;
    add_log_dir("one");
  }
  ~MadeUpKafka() {
    std::error_code ignored;  // a leftover in /tmp harms nobody
    std::filesystem::remove_all(root_, ignored);
  }
  MadeUpKafka(const MadeUpKafka&) = delete;
  MadeUpKafka& operator=(const MadeUpKafka&) = delete;

  /// With meta.properties of cluster and broker 7, and a lock file.
  std::string add_log_dir(const std::string& name, const std::string& cluster_id = kClusterId, int broker_id = 7) {
    const auto path = root_ + "/" + name;
    std::filesystem::create_directories(path);
    write(path + "/meta.properties", "#\n#Sat Nov 21 20:00:00 UTC 2026\nbroker.id=" + std::to_string(broker_id) + "\nversion=0\ncluster.id=" + cluster_id + "\n");
    write(path + "/.lock", "");
    log_dirs.push_back(path);
    return path;
  }
  /// A directory in `log_dir` (the first by default); an empty `topic_id` leaves partition.metadata out.
  std::string add_partition(const std::string& name, const std::string& topic_id = kIdA, const std::string& log_dir = {}) const {
    const auto path = (log_dir.empty() ? log_dirs.front() : log_dir) + "/" + name;
    std::filesystem::create_directories(path);
    if (!topic_id.empty()) write(path + "/partition.metadata", "version: 0\ntopic_id: " + topic_id);
    return path;
  }
  static void write(const std::string& path, const std::string& content) { std::ofstream(path, std::ios::binary) << content; }
  static std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  static std::string batch(std::int32_t leader_epoch, std::int64_t producer_id, std::int64_t base_offset = 0) {
    protocol::RecordBatchOptions options;
    options.base_offset = Offset(base_offset);
    options.partition_leader_epoch = LeaderEpoch(leader_epoch);
    options.producer_id = ProducerId(producer_id);
    options.producer_epoch = ProducerEpoch(static_cast<std::int16_t>(producer_id < 0 ? -1 : 0));
    options.base_sequence = producer_id < 0 ? -1 : 0;
    protocol::RecordBatchBuilder builder(options);
    const std::string value = "value";
    builder.append(1'700'000'000'000, std::nullopt, as_bytes(value));
    const auto built = builder.build();
    REQUIRE(built);
    return {reinterpret_cast<const char*>(built->data()), built->size()};
  }
  static std::string snapshot(std::int64_t producer_id) {
    storage::ProducerStateEntry entry;
    entry.id = ProducerId(producer_id);
    entry.epoch = ProducerEpoch(0);
    entry.batches.push({0, 0, Offset(0), 1'700'000'000'000});
    return storage::encode_producer_snapshot({entry});
  }

  [[nodiscard]] config::BrokerConfig config(config::Settings more = {}) const {
    std::string dirs;
    for (const auto& dir : log_dirs) dirs += (dirs.empty() ? "" : ",") + dir;
    more.emplace("log.dirs", dirs);
    return config::make_broker_config(more);
  }

  std::vector<std::string> log_dirs;

 private:
  std::string root_;
};

}  // namespace moldau::server::test
