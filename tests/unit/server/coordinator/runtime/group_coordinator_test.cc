// The façade and its shards over a log in memory: order of appends, answers after commit, leadership, loading.
#include "server/coordinator/runtime/group_coordinator.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/base/one_shot.h"
#include "protocol/base/random.h"
#include "protocol/records/any_batch.h"
#include "server/coordinator/group/group_loader.h"
#include "server/coordinator/runtime/coordinator_log.h"
#include "server/coordinator/runtime/group_shard_runner.h"
#include "server/coordinator/runtime/partition_for.h"
#include "tests/unit/server/coordinator/runtime/group_requests.h"

namespace moldau::server {
namespace {

using test::commit_of;
using test::join_of;

/// A log in memory. Replication waits while `hold` is set.
class MemoryLog final : public CoordinatorLog {
 public:
  Awaitable<Appended> append(std::int32_t partition, Bytes batch, bool all_replicas) override {
    if (const auto shut = gate()) static_cast<void>(co_await shut->get());
    happened();
    Appended a;
    const std::lock_guard lock(mutex_);
    if (fail_with != ErrorCode::none) {
      a.error = fail_with;
      co_return a;
    }
    auto& log = logs_[partition];
    std::vector<std::byte> copy(batch.begin(), batch.end());
    protocol::batch_header::set_base_offset(copy, Offset(log.end));
    a.base_offset = Offset(log.end);
    log.end += protocol::RecordBatchView(copy).record_count();
    log.bytes.insert(log.bytes.end(), copy.begin(), copy.end());
    if (all_replicas && hold) {
      auto wait = std::make_shared<OneShot<ErrorCode>>();
      held_.push_back(wait);
      a.waits = wait;
    }
    co_return a;
  }
  Awaitable<ErrorCode> wait_committed(Appended appended) override { co_return co_await static_cast<OneShot<ErrorCode>*>(appended.waits.get())->get(); }
  Result<Range> range(std::int32_t partition) override {
    happened();
    ++looks;
    const std::lock_guard lock(mutex_);
    if (load_error != ErrorCode::none) return Error(load_error);
    return Range{Offset(0), Offset(logs_[partition].end)};
  }
  Status read(std::int32_t partition, Offset from, std::int32_t max_bytes, std::vector<std::byte>& into) override {
    if (throw_on_read) throw std::runtime_error("as a test asked");
    const std::lock_guard lock(mutex_);
    into.clear();
    protocol::BatchCursor cursor(logs_[partition].bytes);
    while (const auto batch = cursor.next()) {
      if (batch->last_offset() < from) continue;
      if (!into.empty() && into.size() + batch->size_in_bytes() > static_cast<std::size_t>(max_bytes)) {
        // a cut batch at the end, as a file has it
        const auto bytes = batch->bytes();
        into.insert(into.end(), bytes.begin(), bytes.begin() + 20);
        break;
      }
      const auto bytes = batch->bytes();
      into.insert(into.end(), bytes.begin(), bytes.end());
    }
    return {};
  }
  void release(ErrorCode error = ErrorCode::none) {
    std::deque<std::shared_ptr<OneShot<ErrorCode>>> held;
    {
      const std::lock_guard lock(mutex_);
      held.swap(held_);
    }
    for (auto& h : held) h->set(error);
  }
  std::vector<std::byte> bytes(std::int32_t partition) {
    const std::lock_guard lock(mutex_);
    return logs_[partition].bytes;
  }
  std::size_t held() {
    const std::lock_guard lock(mutex_);
    return held_.size();
  }

  /// Until loads have looked at the log so many times more.
  void wait_for_looks(int more) {
    for (const int until = looks + more; looks < until;) std::this_thread::yield();
  }

  /// Until `holds` says so; looked at after each append and each look of a load.
  void wait_until(const std::function<bool()>& holds) {
    for (;;) {
      const auto seen = happened_.load();
      if (holds()) return;
      std::unique_lock lock(happened_mutex_);
      REQUIRE(happening_.wait_for(lock, std::chrono::seconds(20), [&] { return happened_ != seen; }));
    }
  }
  /// Appends wait at it until it is opened.
  void shut_gate() {
    const std::lock_guard lock(mutex_);
    gate_ = std::make_shared<OneShot<bool>>();
  }
  void open_gate() {
    const auto shut = gate();
    const std::lock_guard lock(mutex_);
    gate_.reset();
    shut->set(true);
  }

  std::atomic<bool> hold{false};
  std::atomic<bool> throw_on_read{false};
  std::atomic<int> looks{0};
  std::atomic<ErrorCode> fail_with{ErrorCode::none};
  std::atomic<ErrorCode> load_error{ErrorCode::none};

 private:
  struct Log {
    std::vector<std::byte> bytes;
    std::int64_t end = 0;
  };
  std::shared_ptr<OneShot<bool>> gate() {
    const std::lock_guard lock(mutex_);
    return gate_;
  }
  void happened() {
    const std::lock_guard lock(happened_mutex_);
    ++happened_;
    happening_.notify_all();
  }

  std::mutex happened_mutex_;
  std::condition_variable happening_;
  std::atomic<int> happened_{0};
  std::mutex mutex_;
  std::shared_ptr<OneShot<bool>> gate_;
  std::map<std::int32_t, Log> logs_;
  std::deque<std::shared_ptr<OneShot<ErrorCode>>> held_;
};

/// A coordinator on two threads of its own.
class Broker {
 public:
  explicit Broker(MemoryLog& memory, std::int32_t partitions = 4, GroupConfig groups = quick())
      : log(memory), random(make_seeded_random(1)), coordinator(deps(groups)) {
    set_log_level(LogCategory::group, "off");
    coordinator.start(partitions);
  }
  ~Broker() {
    run(coordinator.stop());
    io.join();
    blocking.join();
  }
  static GroupConfig quick() {
    GroupConfig g;
    g.initial_rebalance_delay_ms = 0;
    g.min_session_timeout_ms = 1;
    return g;
  }
  GroupCoordinatorDeps deps(GroupConfig groups) {
    OffsetsTopicConfig offsets;
    offsets.load_buffer_bytes = 200;
    return GroupCoordinatorDeps{log, system_clock(), *random, {io.get_executor()}, blocking.get_executor(), groups, offsets};
  }
  template <class T>
  std::future<T> spawn(Awaitable<T> what) {
    return boost::asio::co_spawn(io, std::move(what), boost::asio::use_future);
  }
  template <class T>
  T run(Awaitable<T> what) {
    auto f = spawn(std::move(what));
    REQUIRE(f.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
    return f.get();
  }
  void elect_once(std::int32_t epoch = 0) {
    for (std::int32_t p = 0; p < coordinator.partition_count(); ++p) coordinator.on_elected(p, LeaderEpoch(epoch));
  }
  void elect_all(std::int32_t epoch = 0) {
    elect_once(epoch);
    while (coordinator.list({}, {}).error == ErrorCode::coordinator_load_in_progress) std::this_thread::yield();
  }

  /// Loads have drawn their conclusions from the looks at the log so far: they do so in one go, on the one thread.
  void finish_looks() { boost::asio::post(blocking, boost::asio::use_future).get(); }

  MemoryLog& log;
  std::unique_ptr<Random> random;
  boost::asio::thread_pool io{2};
  boost::asio::thread_pool blocking{1};
  GroupCoordinator coordinator;
};

std::int64_t fetched(Broker& b, const std::string& group, const std::string& topic = "t", std::int32_t partition = 0) {
  const TopicPartitionView tp(topic, partition);
  const auto r = b.coordinator.fetch_offsets(group, std::span(&tp, 1), false);
  REQUIRE(r.error == ErrorCode::none);
  return r.offsets.at(0).offset;
}

TEST_CASE("GroupCoordinator: what is refused before a group is asked", "[coordinator]") {
  MemoryLog log;
  Broker b(log);
  auto& c = b.coordinator;
  HeartbeatQuery beat;
  SECTION("not the coordinator") {
    CHECK(b.run(c.join(join_of("g"))).error == ErrorCode::not_coordinator);
    CHECK(b.run(c.commit_offsets(commit_of("g", 1))).errors.at(0) == ErrorCode::not_coordinator);
    CHECK(c.fetch_offsets("g", std::nullopt, false).error == ErrorCode::not_coordinator);
    CHECK(c.describe("g").error == ErrorCode::not_coordinator);
    CHECK(c.describe("g").state.empty());
    CHECK(b.run(c.delete_group("g")) == ErrorCode::not_coordinator);
    beat.group_id = "g";
    CHECK(c.heartbeat(beat) == ErrorCode::not_coordinator);
    CHECK(c.list({}, {}).error == ErrorCode::none);
  }
  SECTION("an empty group id") {
    b.elect_all();
    CHECK(b.run(c.join(join_of(""))).error == ErrorCode::invalid_group_id);
    CHECK(b.run(c.sync({})).error == ErrorCode::invalid_group_id);
    CHECK(c.heartbeat(beat) == ErrorCode::invalid_group_id);
    CHECK(c.leave("", {}).error == ErrorCode::invalid_group_id);
    CHECK(b.run(c.delete_offsets("", {})).group_error == ErrorCode::invalid_group_id);
    // but for those that only keep offsets
    CHECK(b.run(c.commit_offsets(commit_of("", 7))).errors.at(0) == ErrorCode::none);
    CHECK(fetched(b, "") == 7);
    CHECK(c.describe("").state == "Empty");
    CHECK(b.run(c.delete_group("")) == ErrorCode::none);
  }
}

TEST_CASE("GroupCoordinator: a load that fails is tried again until it succeeds", "[coordinator]") {
  MemoryLog log;
  {
    Broker b(log);
    b.elect_all();
    CHECK(b.run(b.coordinator.commit_offsets(commit_of("g", 7))).errors.at(0) == ErrorCode::none);
  }
  Broker b(log);
  auto& c = b.coordinator;
  const auto refused_until = [&](ErrorCode with) {
    log.wait_until([&] {
      b.finish_looks();
      return c.fetch_offsets("g", std::nullopt, false).error == with;
    });
    return c.fetch_offsets("g", std::nullopt, false).error;
  };
  SECTION("a disk that fails for a while") {
    log.load_error = ErrorCode::kafka_storage_error;
    b.elect_once();
    log.wait_for_looks(8);  // each of 4 partitions twice: once is not the end
    CHECK(b.run(c.join(join_of("g"))).error == ErrorCode::coordinator_load_in_progress);
    HeartbeatQuery beat;
    beat.group_id = "g";
    CHECK(c.heartbeat(beat) == ErrorCode::none);
    log.load_error = ErrorCode::none;
    CHECK(refused_until(ErrorCode::none) == ErrorCode::none);
    CHECK(fetched(b, "g") == 7);
  }
  SECTION("an exception") {
    log.throw_on_read = true;
    b.elect_once();
    log.wait_for_looks(5);  // three partitions are empty: once each, and two at the fourth
    CHECK(c.fetch_offsets("g", std::nullopt, false).error == ErrorCode::coordinator_load_in_progress);
    log.throw_on_read = false;
    CHECK(refused_until(ErrorCode::none) == ErrorCode::none);
    CHECK(fetched(b, "g") == 7);
  }
  SECTION("a log that says it doesn't lead: clients look elsewhere meanwhile") {
    log.load_error = ErrorCode::not_leader_or_follower;
    b.elect_once();
    CHECK(refused_until(ErrorCode::not_coordinator) == ErrorCode::not_coordinator);
    log.load_error = ErrorCode::none;
    CHECK(refused_until(ErrorCode::none) == ErrorCode::none);
  }
  SECTION("leadership goes: it is given up") {
    log.load_error = ErrorCode::kafka_storage_error;
    b.elect_once();
    log.wait_for_looks(4);
    for (std::int32_t p = 0; p < c.partition_count(); ++p) c.on_resigned(p, LeaderEpoch(1));
    CHECK(c.fetch_offsets("g", std::nullopt, false).error == ErrorCode::not_coordinator);
    log.load_error = ErrorCode::none;
    b.elect_all(2);
    CHECK(fetched(b, "g") == 7);
  }
  SECTION("the broker stops meanwhile: it does not wait for it") {
    log.load_error = ErrorCode::kafka_storage_error;
    b.elect_once();
    log.wait_for_looks(12);
    const auto began = std::chrono::steady_clock::now();
    b.run(c.stop());
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(5));
  }
}

TEST_CASE("GroupCoordinator: a commit is answered when it is replicated", "[coordinator]") {
  MemoryLog log;
  Broker b(log);
  b.elect_all();
  log.hold = true;
  auto one = b.spawn(b.coordinator.commit_offsets(commit_of("g", 1)));
  auto two = b.spawn(b.coordinator.commit_offsets(commit_of("g", 2)));
  while (log.held() < 2) std::this_thread::yield();
  CHECK(one.wait_for(std::chrono::milliseconds(20)) == std::future_status::timeout);
  CHECK(fetched(b, "g") == -1);
  SECTION("done") {
    log.release();
    CHECK(one.get().errors.at(0) == ErrorCode::none);
    CHECK(two.get().errors.at(0) == ErrorCode::none);
    // Whichever was appended later.
    CHECK((fetched(b, "g") == 1 || fetched(b, "g") == 2));
    const auto served = fetched(b, "g");
    b.coordinator.on_resigned(b.coordinator.partition_for("g"), LeaderEpoch(1));
    b.elect_all(2);
    CHECK(fetched(b, "g") == served);
  }
  SECTION("not done") {
    log.release(ErrorCode::not_enough_replicas_after_append);
    CHECK(one.get().errors.at(0) == ErrorCode::coordinator_not_available);
    CHECK(two.get().errors.at(0) == ErrorCode::coordinator_not_available);
    CHECK(fetched(b, "g") == -1);
  }
}

TEST_CASE("GroupCoordinator: leadership comes and goes", "[coordinator]") {
  MemoryLog log;
  Broker b(log);
  auto& c = b.coordinator;
  b.elect_all(5);
  for (int i = 0; i < 50; ++i) CHECK(b.run(c.commit_offsets(commit_of("g" + std::to_string(i), i))).errors.at(0) == ErrorCode::none);
  auto request = join_of("waits");
  auto join = b.spawn(c.join(request));
  const auto first = join.get();
  REQUIRE(first.error == ErrorCode::none);
  auto second = b.spawn(c.join(join_of("waits")));
  while (c.describe("waits").members.size() < 2) std::this_thread::yield();
  const auto p = c.partition_for("waits");

  c.on_resigned(p, LeaderEpoch(4));  // of an older epoch: nothing happens
  CHECK(second.wait_for(std::chrono::milliseconds(20)) == std::future_status::timeout);
  c.on_elected(p, LeaderEpoch(4));
  CHECK(c.describe("waits").state == "PreparingRebalance");
  c.on_elected(p, LeaderEpoch(6));  // led on
  CHECK(c.describe("waits").state == "PreparingRebalance");

  c.on_resigned(p, LeaderEpoch(7));
  CHECK(second.get().error == ErrorCode::not_coordinator);
  CHECK(c.describe("waits").error == ErrorCode::not_coordinator);
  c.on_elected(p, LeaderEpoch(6));  // too old
  CHECK(c.describe("waits").error == ErrorCode::not_coordinator);
  b.elect_all(8);
  CHECK(c.describe("waits").state == "Dead");  // it was never stable
  for (int i = 0; i < 50; ++i) CHECK(fetched(b, "g" + std::to_string(i)) == i);
  CHECK(c.snapshot().offsets.size() == 50);
  c.on_resigned(p, std::nullopt);
  CHECK(c.describe("waits").error == ErrorCode::not_coordinator);
}

TEST_CASE("GroupCoordinator: a group lives through a restart", "[coordinator]") {
  MemoryLog log;
  std::string member;
  {
    Broker b(log);
    b.elect_all();
    const auto joined = b.run(b.coordinator.join(join_of("g")));
    REQUIRE(joined.error == ErrorCode::none);
    member = joined.member_id;
    SyncRequest s;
    s.group_id = "g";
    s.member_id = member;
    s.generation = joined.generation;
    s.assignments = {{member, "mine"}};
    CHECK(b.run(b.coordinator.sync(s)).assignment == "mine");
    auto c = commit_of("g", 9);
    c.member_id = member;
    c.generation = joined.generation;
    CHECK(b.run(b.coordinator.commit_offsets(c)).errors.at(0) == ErrorCode::none);
  }
  Broker b(log);
  b.elect_all();
  const auto d = b.coordinator.describe("g");
  CHECK(d.state == "Stable");
  REQUIRE(d.members.size() == 1);
  CHECK(d.members[0].assignment == "mine");
  HeartbeatQuery beat;
  beat.group_id = "g";
  beat.member_id = member;
  beat.generation = 1;
  CHECK(b.coordinator.heartbeat(beat) == ErrorCode::none);
  CHECK(fetched(b, "g") == 9);
  CHECK(b.run(b.coordinator.delete_group("g")) == ErrorCode::non_empty_group);
  LeavingMember leaving;
  leaving.member_id = member;
  CHECK(b.coordinator.leave("g", {leaving}).members.at(0).error == ErrorCode::none);
  CHECK(b.run(b.coordinator.delete_group("g")) == ErrorCode::none);
  b.coordinator.on_resigned(b.coordinator.partition_for("g"), LeaderEpoch(1));
  b.elect_all(2);
  CHECK(b.coordinator.describe("g").state == "Dead");
  CHECK(fetched(b, "g") == -1);
}

TEST_CASE("GroupCoordinator: filters of ListGroups", "[coordinator]") {
  MemoryLog log;
  Broker b(log);
  b.elect_all();
  b.run(b.coordinator.commit_offsets(commit_of("empty", 1)));
  b.run(b.coordinator.join(join_of("completing")));
  const auto names = [&](std::vector<std::string_view> states, std::vector<std::string_view> types) {
    std::vector<std::string> n;
    for (const auto& g : b.coordinator.list(states, types).groups) n.push_back(g.group_id);
    std::sort(n.begin(), n.end());
    return n;
  };
  using Names = std::vector<std::string>;
  CHECK(names({}, {}) == Names{"completing", "empty"});
  CHECK(names({"Empty"}, {}) == Names{"empty"});
  CHECK(names({"empty", "completingREBALANCE"}, {"Classic"}) == Names{"completing", "empty"});
  CHECK(names({"nonsense"}, {}).empty());
  CHECK(names({}, {"consumer"}).empty());
  CHECK(names({}, {"consumer", "classic"}).size() == 2);
  const auto all = b.coordinator.snapshot();
  CHECK(all.by_state[static_cast<std::size_t>(GroupState::empty)] == 1);
  CHECK(all.by_state[static_cast<std::size_t>(GroupState::completing_rebalance)] == 1);
  CHECK(all.offsets.size() == 1);
  CHECK(all.members.size() == 2);
}

TEST_CASE("GroupCoordinator: timers run by themselves", "[coordinator]") {
  MemoryLog log;
  auto quick = Broker::quick();
  quick.initial_rebalance_delay_ms = 30;
  Broker b(log, 4, quick);
  b.elect_all();
  auto r = join_of("g");
  r.session_timeout_ms = 50;
  CHECK(b.run(b.coordinator.join(r)).generation == 1);
  log.wait_until([&] { return b.coordinator.describe("g").state == "Empty"; });  // its record is appended after that
  CHECK(b.coordinator.describe("g").state == "Empty");
}

TEST_CASE("GroupCoordinator: many groups and commits at once, all there after a restart", "[coordinator]") {
  MemoryLog log;
  constexpr int kGroups = 64;
  constexpr int kCommits = 40;
  {
    Broker b(log, 8);
    b.elect_all();
    std::vector<std::future<void>> all;
    for (int g = 0; g < kGroups; ++g) {
      all.push_back(b.spawn([](Broker& broker, int n) -> Awaitable<void> {
        for (int i = 1; i <= kCommits; ++i) {
          auto request = commit_of("g" + std::to_string(n), i, "topic", n % 3);
          const auto r = co_await broker.coordinator.commit_offsets(std::move(request));
          if (r.errors.at(0) != ErrorCode::none) throw std::runtime_error("refused");
        }
      }(b, g)));
    }
    for (auto& f : all) f.get();
    for (int g = 0; g < kGroups; ++g) CHECK(fetched(b, "g" + std::to_string(g), "topic", g % 3) == kCommits);
  }
  Broker b(log, 8);
  b.elect_all();
  for (int g = 0; g < kGroups; ++g) CHECK(fetched(b, "g" + std::to_string(g), "topic", g % 3) == kCommits);
}

TEST_CASE("GroupCoordinator: requests are refused while too many appends wait", "[coordinator]") {
  MemoryLog log;
  Broker b(log, 1);
  b.elect_all();
  log.shut_gate();
  constexpr std::size_t kOne = 1;  // under way, no longer in the queue
  constexpr std::size_t kTooMany = 10;
  std::vector<std::future<CommitResult>> all;
  for (std::size_t i = 0; i < GroupShardRunner::kMaxQueuedAppends + kOne + kTooMany; ++i) all.push_back(b.spawn(b.coordinator.commit_offsets(commit_of("g", 1))));
  const auto is_ready = [](const auto& f) { return f.wait_for(std::chrono::seconds(0)) == std::future_status::ready; };
  while (static_cast<std::size_t>(std::count_if(all.begin(), all.end(), is_ready)) < kTooMany) std::this_thread::yield();
  CHECK(b.coordinator.snapshot().queued_appends == GroupShardRunner::kMaxQueuedAppends);
  log.open_gate();
  std::size_t refused = 0;
  std::size_t taken = 0;
  for (auto& f : all) {
    const auto error = f.get().errors.at(0);
    if (error == ErrorCode::coordinator_not_available) ++refused;
    if (error == ErrorCode::none) ++taken;
  }
  CHECK(refused == kTooMany);
  CHECK(taken == GroupShardRunner::kMaxQueuedAppends + kOne);
  CHECK(b.coordinator.snapshot().queued_appends == 0);
}

TEST_CASE("GroupCoordinator: topics that are deleted take their offsets along", "[coordinator]") {
  constexpr int kGroups = 250;  // more than one look under the lock takes
  MemoryLog log;
  Broker b(log, 1);
  b.elect_all();
  for (int g = 0; g < kGroups; ++g) {
    b.run(b.coordinator.commit_offsets(commit_of("g" + std::to_string(g), 1, "t")));
    b.run(b.coordinator.commit_offsets(commit_of("g" + std::to_string(g), 1, "u")));
  }
  const std::vector<TopicPartition> gone{{"t", 0}};
  CHECK(b.coordinator.snapshot().offsets.size() == 2 * kGroups);
  b.coordinator.on_partitions_deleted(gone);
  const auto left = b.coordinator.snapshot();
  CHECK(left.offsets.size() == kGroups);
  CHECK(left.members.size() == kGroups);
  CHECK(left.by_state[static_cast<std::size_t>(GroupState::empty)] == kGroups);
  CHECK(fetched(b, "g3", "t") == -1);
  CHECK(fetched(b, "g3", "u") == 1);
}

TEST_CASE("GroupCoordinator: stop answers whoever waits", "[coordinator]") {
  MemoryLog log;
  Broker b(log);
  b.elect_all();
  b.run(b.coordinator.join(join_of("g")));
  auto waits = b.spawn(b.coordinator.join(join_of("g")));
  while (b.coordinator.describe("g").members.size() < 2) std::this_thread::yield();
  b.run(b.coordinator.stop());
  CHECK(waits.get().error == ErrorCode::not_coordinator);
  CHECK(b.run(b.coordinator.join(join_of("g"))).error == ErrorCode::coordinator_not_available);
}

}  // namespace
}  // namespace moldau::server
