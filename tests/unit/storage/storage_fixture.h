// What the storage tests share: batches, a log on a SimDisk or in a temporary directory, coroutines run to their end.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/random.h"
#include "protocol/records/control_record.h"
#include "protocol/records/record_batch_builder.h"
#include "storage/io/posix_disk.h"
#include "storage/io/sim_disk.h"
#include "storage/log/log_loader.h"

/// REQUIRE(result) tells the error.
template <class T, class E>
struct Catch::StringMaker<boost::system::result<T, E>> {
  static std::string convert(const boost::system::result<T, E>& r) { return r ? "ok" : "error: " + r.error().message; }
};

namespace moldau::storage::test {

/// A directory of the operating system's that goes with the object.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "moldau-unit-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;  // a leftover in /tmp harms nobody
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Where ManualClock stands at first.
inline constexpr std::int64_t kNow = 1'700'000'000'000;

struct BatchSpec {
  std::int32_t records = 1;
  std::int64_t timestamp = kNow;  ///< of the first; each next one a millisecond later
  std::size_t value_size = 10;
  std::int64_t producer_id = -1;
  std::int16_t epoch = -1;
  std::int32_t sequence = -1;
  bool transactional = false;
  protocol::Codec codec = protocol::Codec::none;
  std::int64_t base_offset = 0;
  std::int32_t leader_epoch = -1;
};

inline std::vector<std::byte> to_vector(const protocol::ByteBuffer& buffer) { return {buffer.data(), buffer.data() + buffer.size()}; }

inline std::vector<std::byte> make_batch(const BatchSpec& spec) {
  protocol::RecordBatchOptions options;
  options.codec = spec.codec;
  options.base_offset = Offset(spec.base_offset);
  options.partition_leader_epoch = LeaderEpoch(spec.leader_epoch);
  options.producer_id = ProducerId(spec.producer_id);
  options.producer_epoch = ProducerEpoch(spec.epoch);
  options.base_sequence = spec.sequence;
  options.transactional = spec.transactional;
  protocol::RecordBatchBuilder builder(options);
  const std::string value(spec.value_size, 'v');
  for (std::int32_t i = 0; i < spec.records; ++i) {
    const auto key = "key-" + std::to_string(i);
    builder.append(spec.timestamp + i, as_bytes(key), as_bytes(value));
  }
  auto built = builder.build();
  REQUIRE(built);
  return to_vector(*built);
}

inline std::vector<std::byte> make_marker(std::int64_t producer_id, std::int16_t epoch, bool commit, std::int32_t coordinator_epoch = 0,
                                          std::int64_t timestamp = kNow) {
  protocol::MarkerBatchOptions options;
  options.timestamp_ms = timestamp;
  options.producer_id = ProducerId(producer_id);
  options.producer_epoch = ProducerEpoch(epoch);
  options.marker.type = commit ? protocol::ControlRecordType::commit : protocol::ControlRecordType::abort;
  options.marker.coordinator_epoch = coordinator_epoch;
  return to_vector(protocol::build_marker_batch(options));
}

/// Keeps segments that are to be deleted, and deletes on demand.
class HeldDeletion final : public DelayedDeletion {
 public:
  void delete_later(std::shared_ptr<LogSegment> segment, std::int64_t) override { segments.push_back(std::move(segment)); }
  std::vector<std::shared_ptr<LogSegment>> segments;
};

/// One log in one directory. Background work runs in the same io_context, whenever a coroutine is run to its end.
class LogHarness {
 public:
  explicit LogHarness(Disk& log_disk, std::string parent = "/d", std::size_t open_files = 64)
      : disk(log_disk), cache(log_disk, open_files), random(make_seeded_random(1)), jobs(std::make_shared<BackgroundJobs>(io.get_executor())),
        dir_state(std::make_shared<LogDirState>(parent)), deletion(std::make_shared<HeldDeletion>()), parent_dir(std::move(parent)) {
    REQUIRE(disk.make_directory(parent_dir, true));
    config = std::make_shared<config::LogConfig>();
  }
  ~LogHarness() {
    log.reset();
    drain();
  }

  [[nodiscard]] std::string dir() const { return parent_dir + "/t-0"; }
  LogEnvironment environment() { return LogEnvironment{cache, clock, *random, jobs, dir_state, deletion, 86'400'000}; }

  void create() {
    REQUIRE(disk.make_directory(dir(), true));
    log = create_log(environment(), TopicPartition{"t", 0}, dir(), config);
  }
  struct Load {
    bool clean = false;
    Offset recovery_point{0};
    Offset log_start{0};
  };
  Status load(const Load& how) {
    log.reset();
    drain();
    auto loaded = load_log(LoadRequest{environment(), TopicPartition{"t", 0}, dir(), config, how.recovery_point, how.log_start, how.clean});
    if (!loaded) return loaded.error();
    log = *loaded;
    return {};
  }
  Status load() { return load(Load{}); }
  void close() {
    drain();
    REQUIRE(log->close(true));
    drain();
  }

  template <class T>
  T run(Awaitable<T> work) {
    std::optional<T> result;
    std::exception_ptr failure;
    boost::asio::co_spawn(
        io,
        [&result, w = std::move(work)]() mutable -> Awaitable<void> {
          result.emplace(co_await std::move(w));
        },
        [&failure](std::exception_ptr e) { failure = std::move(e); });
    drain();
    if (failure) std::rethrow_exception(failure);
    REQUIRE(result.has_value());
    return std::move(*result);
  }
  void drain() {
    io.restart();
    io.run();
  }

  AppendResult<LogAppendInfo> append(std::vector<std::byte> bytes, AppendOrigin origin = AppendOrigin::client, std::int32_t epoch = 0) {
    LeaderAppend a{bytes, LeaderEpoch(epoch), origin, 11};
    return run(log->append_as_leader(a));
  }
  LogAppendInfo must_append(const BatchSpec& spec, std::int32_t epoch = 0) {
    auto result = append(make_batch(spec), AppendOrigin::client, epoch);
    if (!result) FAIL(result.error().message);
    return *result;
  }
  AppendResult<LogAppendInfo> replicate(std::vector<std::byte> bytes, LeaderEpoch epoch = LeaderEpoch(INT32_MAX)) {
    return run(log->append_as_follower(bytes, epoch));
  }

  std::vector<std::byte> slice_bytes(const FetchDataInfo& info) const {
    std::vector<std::byte> bytes(info.slice.size);
    if (!bytes.empty()) {
      auto got = info.slice.file->read_at(info.slice.position, bytes);
      REQUIRE(got);
      REQUIRE(*got == bytes.size());
    }
    return bytes;
  }
  /// All offsets that a reader at the log end sees from `start` on.
  std::vector<std::int64_t> offsets_from(std::int64_t start, FetchIsolation isolation = FetchIsolation::log_end) const {
    std::vector<std::int64_t> offsets;
    for (;;) {
      auto info = log->read(Offset(start), 1 << 20, isolation, true);
      REQUIRE(info);
      if (info->slice.size == 0) return offsets;
      const auto bytes = slice_bytes(*info);
      for (const auto& batch : protocol::BatchRange(bytes)) {
        REQUIRE(batch.is_valid());
        auto records = protocol::DeepRecords::open(batch);
        REQUIRE(records);
        protocol::RecordView record;
        while (records->next(record))
          if (record.offset >= Offset(start)) offsets.push_back(record.offset.value());
        start = batch.next_offset().value();
      }
    }
  }

  boost::asio::io_context io;
  Disk& disk;
  FileCache cache;
  ManualClock clock;
  std::unique_ptr<Random> random;
  std::shared_ptr<BackgroundJobs> jobs;
  std::shared_ptr<LogDirState> dir_state;
  std::shared_ptr<HeldDeletion> deletion;
  std::string parent_dir;
  std::shared_ptr<config::LogConfig> config;
  std::shared_ptr<UnifiedLog> log;
};

inline std::vector<std::int64_t> range(std::int64_t from, std::int64_t to) {
  std::vector<std::int64_t> v;
  for (auto i = from; i < to; ++i) v.push_back(i);
  return v;
}

}  // namespace moldau::storage::test
