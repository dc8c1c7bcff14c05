// LocalBroker: the storage and replication of one broker on a simulated disk and a manual clock, run on the test's own thread.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "config/log_config.h"
#include "protocol/base/random.h"
#include "protocol/messages/leader_and_isr.h"
#include "protocol/messages/stop_replica.h"
#include "protocol/messages/update_metadata.h"
#include "protocol/records/record_batch_builder.h"
#include "replication/partition/replica_manager.h"
#include "storage/io/read_slice.h"
#include "storage/io/sim_disk.h"

namespace moldau::replication::testing {

inline constexpr BrokerId kSelf{1};

inline TopicId id_of(std::string_view topic) { return TopicId{0x1234, std::hash<std::string_view>{}(topic) | 1}; }

/// A batch of `values`, CreateTime `timestamp`, one more, ...
inline protocol::ByteBuffer make_batch(const std::vector<std::string>& values, ProducerId producer = kNoProducerId, std::int32_t sequence = -1,
                                       ProducerEpoch epoch = kNoProducerEpoch, std::int64_t timestamp = 1000) {
  protocol::RecordBatchOptions options;
  options.producer_id = producer;
  options.producer_epoch = epoch;
  options.base_sequence = sequence;
  protocol::RecordBatchBuilder builder(options);
  for (const auto& value : values) builder.append(timestamp++, as_bytes("k"), as_bytes(value));
  return std::move(builder.build().value());
}

/// A result that comes when the coroutine is done.
template <class T>
struct Pending {
  std::optional<T> value;
  std::exception_ptr failure;
};

class LocalBroker {
 public:
  /// `blocking`: the pool for file work; the broker's own executor without it.
  LocalBroker(storage::Disk& disk, ManualClock& clock, Random& random, config::LogConfig defaults = {}, Executor blocking = {},
              std::vector<std::string> log_dirs = {"/data"})
      : clock_(clock), defaults_(defaults) {
    storage::LogManagerConfig manager;
    manager.log_dirs = std::move(log_dirs);
    manager.load_threads = 1;
    auto shared = std::make_shared<const config::LogConfig>(defaults_);
    logs_ = storage::LogManager::make(manager, shared, storage::LogManager::Seams{disk, clock, random, io_.get_executor()});
    const auto opened = logs_->open_dirs();
    if (!opened) throw std::runtime_error("open_dirs: " + opened.error().message);
    const auto loaded = logs_->load_logs([this](const std::string&) { return config(); }, {});
    if (!loaded) throw std::runtime_error("load_logs: " + loaded.error().message);
    ReplicaManagerDeps deps{kSelf, clock, *logs_, cache_, [this](std::string_view topic) { return topic_config ? topic_config(topic) : this->config(); }, [] { return std::int64_t{7}; },
                            blocking ? blocking : Executor(io_.get_executor()), 1, io_.get_executor(), nullptr, 30'000};
    replicas_ = std::make_unique<ReplicaManager>(std::move(deps));
  }
  ~LocalBroker() {
    replicas_->shutdown();
    poll();
  }

  /// Set by a test: the effective configuration that the replica manager asks for.
  std::function<std::shared_ptr<const config::LogConfig>(std::string_view topic)> topic_config;

  ReplicaManager& replicas() { return *replicas_; }
  storage::LogManager& logs() { return *logs_; }
  MetadataCache& cache() { return cache_; }
  ManualClock& clock() { return clock_; }
  boost::asio::io_context& io() { return io_; }
  [[nodiscard]] std::shared_ptr<const config::LogConfig> config() const { return std::make_shared<const config::LogConfig>(defaults_); }

  /// Runs what is ready.
  void poll() {
    io_.restart();
    io_.poll();
  }
  void advance(Millis by) {
    clock_.advance(by);
    replicas_->timers().advance();
    poll();
  }
  template <class T>
  std::shared_ptr<Pending<T>> start(Awaitable<T> what) {
    auto pending = std::make_shared<Pending<T>>();
    boost::asio::co_spawn(io_, std::move(what), [pending](std::exception_ptr e, T value) {
      pending->failure = e;
      if (!e) pending->value = std::move(value);
    });
    poll();
    return pending;
  }
  /// Runs to the end; throws when it waits for something.
  template <class T>
  T run(Awaitable<T> what) {
    auto pending = start(std::move(what));
    if (pending->failure) std::rethrow_exception(pending->failure);
    if (!pending->value) throw std::runtime_error("still waiting");
    return std::move(*pending->value);
  }

  /// Tells the metadata cache and makes this broker the leader of partitions [0, n).
  std::vector<ErrorCode> lead(std::string_view topic, std::int32_t partitions, std::int32_t epoch, bool is_new = true) {
    tell(topic, partitions, epoch);
    return leader_and_isr(topic, partitions, epoch, is_new);
  }
  void tell(std::string_view topic, std::int32_t partitions, std::int32_t epoch) {
    Arena arena;
    protocol::UpdateMetadataRequest request;
    request.controller_id = kSelf;
    request.controller_epoch = 1;
    auto& broker = request.live_brokers.add(arena);
    broker.id = kSelf;
    auto& endpoint = broker.endpoints.add(arena);
    endpoint.host = "localhost";
    endpoint.port = 9092;
    endpoint.listener = "PLAINTEXT";
    auto& t = request.topic_states.add(arena);
    t.topic_name = topic;
    t.topic_id = id_of(topic);
    for (std::int32_t i = 0; i < partitions; ++i) {
      auto& p = t.partition_states.add(arena);
      p.partition_index = i;
      p.leader = kSelf;
      p.leader_epoch = LeaderEpoch(epoch);
      p.isr.push_back(arena, kSelf);
      p.replicas.push_back(arena, kSelf);
    }
    run(replicas_->update_metadata(request));
  }
  /// The request by which the controller makes this broker the leader. It lies in `arena`.
  static protocol::LeaderAndIsrRequest leadership(std::string_view topic, std::int32_t partitions, std::int32_t epoch, Arena& arena, bool is_new = true, TopicId id = {},
                                                  std::int32_t controller_epoch = 1, const std::vector<BrokerId>& replicas = {kSelf}) {
    protocol::LeaderAndIsrRequest request;
    request.controller_epoch = controller_epoch;
    auto& t = request.topic_states.add(arena);
    t.topic_name = topic;
    t.topic_id = id.is_zero() ? id_of(topic) : id;
    for (std::int32_t i = 0; i < partitions; ++i) {
      auto& p = t.partition_states.add(arena);
      p.partition_index = i;
      p.controller_epoch = 1;
      p.leader = kSelf;
      p.leader_epoch = LeaderEpoch(epoch);
      p.isr.push_back(arena, kSelf);
      for (const auto r : replicas) p.replicas.push_back(arena, r);
      p.is_new = is_new;
    }
    return request;
  }
  std::vector<ErrorCode> leader_and_isr(std::string_view topic, std::int32_t partitions, std::int32_t epoch, bool is_new, TopicId id = {},
                                        std::int32_t controller_epoch = 1, std::vector<BrokerId> replicas = {kSelf}) {
    Arena arena;
    const auto request = leadership(topic, partitions, epoch, arena, is_new, id, controller_epoch, replicas);
    const auto response = run(replicas_->become_leader_or_follower(request, 7, arena));
    if (response.error_code != ErrorCode::none) return {response.error_code};
    std::vector<ErrorCode> out;
    for (const auto& topic_out : response.topics)
      for (const auto& p : topic_out.partition_errors) out.push_back(p.error_code);
    return out;
  }
  ErrorCode stop(std::string_view topic, std::int32_t partition, std::int32_t epoch, bool remove) {
    Arena arena;
    protocol::StopReplicaRequest request;
    request.controller_epoch = 1;
    auto& t = request.topic_states.add(arena);
    t.topic_name = topic;
    auto& p = t.partition_states.add(arena);
    p.partition_index = partition;
    p.leader_epoch = LeaderEpoch(epoch);
    p.delete_partition = remove;
    const auto response = run(replicas_->stop_replicas(request, 4, arena));
    return response.error_code != ErrorCode::none ? response.error_code : response.partition_errors[0].error_code;
  }

  /// Appends one batch. Both phases. The memory is kept by the coroutine.
  Awaitable<PartitionAppendResult> produce(TopicPartition tp, protocol::ByteBuffer batch, std::int16_t acks = -1) {
    AppendOptions options;
    options.acks = acks;
    PartitionRecords in;
    in.tp = tp;
    in.records = batch.bytes();
    PartitionAppendResult out;
    const std::span<PartitionAppendResult> results(&out, 1);
    co_await replicas_->append_records(options, std::span<const PartitionRecords>(&in, 1), results);
    if (ReplicaManager::needs_replication(options, results)) co_await replicas_->wait_replicated(options, results);
    co_return out;
  }
  PartitionAppendResult append(const TopicPartition& tp, const std::vector<std::string>& values) { return run(produce(tp, make_batch(values))); }

  struct Asked {
    TopicPartition tp;
    std::int64_t offset = 0;
    std::int32_t max_bytes = 1 << 20;
    std::int32_t epoch = -1;
    std::int32_t last_fetched_epoch = -1;
  };
  Awaitable<std::vector<FetchResult>> fetch(FetchParams params, std::vector<Asked> asked) {
    std::vector<FetchPartition> partitions(asked.size());
    std::vector<FetchResult> results(asked.size());
    for (std::size_t i = 0; i < asked.size(); ++i) {
      partitions[i].tp = asked[i].tp;
      partitions[i].fetch_offset = Offset(asked[i].offset);
      partitions[i].max_bytes = asked[i].max_bytes;
      partitions[i].current_leader_epoch = LeaderEpoch(asked[i].epoch);
      partitions[i].last_fetched_epoch = LeaderEpoch(asked[i].last_fetched_epoch);
    }
    co_await replicas_->fetch(params, partitions, results);
    co_return results;
  }

 private:
  ManualClock& clock_;
  config::LogConfig defaults_;
  boost::asio::io_context io_;
  MetadataCache cache_{kSelf};
  std::unique_ptr<storage::LogManager> logs_;
  std::unique_ptr<ReplicaManager> replicas_;
};

/// The bytes of a slice.
inline std::vector<std::byte> bytes_of(const storage::FileSlice& slice) {
  std::vector<std::byte> out(slice.size);
  const auto got = storage::read_slice(slice, out);
  out.resize(got ? *got : 0);
  return out;
}

}  // namespace moldau::replication::testing
