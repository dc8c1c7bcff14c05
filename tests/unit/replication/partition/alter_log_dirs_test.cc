// Moves between log directories: what AlterReplicaLogDirs answers, what lies on the disks before, during and after, and at every crash in between.
#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <set>

#include "protocol/records/any_batch.h"
#include "replication/partition/future_copy.h"
#include "storage/log/log_compactor.h"
#include "storage/log/log_dir_names.h"
#include "tests/unit/replication/partition/local_broker.h"

using namespace moldau;
using namespace moldau::replication;
using namespace moldau::replication::testing;
using storage::PartitionDirKind;
using storage::SimDisk;

namespace {

const TopicPartition kFoo{"foo", 0};
const std::vector<std::string> kDirs{"/a", "/b", "/c"};

config::LogConfig small_segments() {
  config::LogConfig config;
  config.segment_bytes = 4096;
  return config;
}

struct Machine {
  explicit Machine(config::LogConfig defaults = small_segments(), std::vector<std::string> dirs = kDirs) : config(defaults), log_dirs(std::move(dirs)) { boot(); }
  void boot() {
    broker.reset();
    broker = std::make_unique<LocalBroker>(disk, clock, *random, config, Executor{}, log_dirs);
  }
  void lead(std::int32_t epoch = 0, bool is_new = true) {
    const auto errors = broker->lead("foo", 1, epoch, is_new);
    REQUIRE(errors == std::vector<ErrorCode>{ErrorCode::none});
  }
  ErrorCode alter(const TopicPartition& tp, const std::string& dir) {
    auto pending = start_alter(tp, dir);
    broker->poll();
    REQUIRE(pending->value);
    return pending->value->front();
  }
  /// Begins to move foo-0, and stops when a part of its log is copied.
  void move_half_way(const std::string& to) {
    (void)start_alter(kFoo, to);
    REQUIRE(step_until([&] { return future() && future()->log_end_offset() > Offset(8); }));
  }
  std::shared_ptr<Pending<std::vector<ErrorCode>>> start_alter(TopicPartition tp, std::string dir) {
    auto pending = std::make_shared<Pending<std::vector<ErrorCode>>>();
    boost::asio::co_spawn(broker->io(), altered(std::move(tp), std::move(dir)), [pending](std::exception_ptr e, std::vector<ErrorCode> value) {
      pending->failure = e;
      if (!e) pending->value = std::move(value);
    });
    return pending;
  }
  Awaitable<std::vector<ErrorCode>> altered(TopicPartition tp, std::string dir) {
    const std::vector<LogDirMove> moves{LogDirMove{tp, dir}};
    std::vector<ErrorCode> results(1, ErrorCode::none);
    co_await broker->replicas().alter_log_dirs(moves, results);
    co_return results;
  }
  /// Runs single steps until `holds`, so that a move stands in its middle.
  bool step_until(const std::function<bool()>& holds, int most = 10'000) {
    broker->io().restart();
    for (int i = 0; i < most && !holds(); ++i)
      if (broker->io().poll_one() == 0) return holds();
    return holds();
  }
  void fill(int batches) {
    for (int i = 0; i < batches; ++i) {
      const auto done = broker->append(kFoo, {std::string(900, static_cast<char>('a' + appended % 26))});
      REQUIRE(done.error == ErrorCode::none);
      REQUIRE(done.info.first_offset == Offset(appended));
      ++appended;
    }
  }
  std::shared_ptr<storage::Log> log() { return broker->replicas().partition(kFoo)->log(); }
  /// Where foo-0 does not lie: the target of its moves.
  std::string other_dir() { return log()->parent_dir() == "/b" ? "/c" : "/b"; }
  std::shared_ptr<storage::Log> future() { return broker->logs().future(kFoo); }
  /// Kinds of the directories of foo-0 there, marked for deletion or not.
  std::vector<PartitionDirKind> kinds_in(const std::string& dir) {
    std::vector<PartitionDirKind> kinds;
    for (const auto& e : *disk.list(dir))
      if (const auto name = storage::parse_partition_dir(e.name); e.is_directory && name && name->partition == kFoo) kinds.push_back(name->kind);
    std::sort(kinds.begin(), kinds.end());
    return kinds;
  }
  /// Every record that was acknowledged, once and in order.
  void check_records() {
    REQUIRE(log());
    CHECK(log()->log_end_offset() == Offset(appended));
    Offset next = log()->log_start_offset();
    while (next < log()->log_end_offset()) {
      const auto data = log()->read(next, 1 << 20, storage::FetchIsolation::log_end, true);
      REQUIRE(data.has_value());
      const auto bytes = bytes_of(data->slice);
      REQUIRE_FALSE(bytes.empty());
      for (const auto& batch : protocol::BatchRange(bytes)) {
        CHECK(batch.raw_offset() == next);
        next = batch.last_offset() + 1;
      }
    }
  }
  const LogDirDescription::Replica* described(const std::string& dir, bool is_future) {
    descriptions = broker->replicas().describe_log_dirs([](TopicPartitionView) { return true; });
    for (const auto& d : descriptions)
      for (const auto& r : d.replicas)
        if (d.path == dir && r.is_future == is_future) return &r;
    return nullptr;
  }

  SimDisk disk{7};
  ManualClock clock;
  std::unique_ptr<Random> random = make_seeded_random(5);
  config::LogConfig config;
  std::vector<std::string> log_dirs;
  std::unique_ptr<LocalBroker> broker;
  std::vector<LogDirDescription> descriptions;
  int appended = 0;
};

const std::vector<PartitionDirKind> kNone;
const std::vector<PartitionDirKind> kLive{PartitionDirKind::live};
const std::vector<PartitionDirKind> kDeleted{PartitionDirKind::to_delete};
const std::vector<PartitionDirKind> kFuture{PartitionDirKind::future};

}  // namespace

TEST_CASE("AlterReplicaLogDirs: what it answers", "[replication]") {
  Machine m;
  m.lead();
  const auto here = m.log()->parent_dir();
  CHECK(m.alter(kFoo, here) == ErrorCode::none);
  CHECK(m.alter(kFoo, "/nowhere") == ErrorCode::log_dir_not_found);
  CHECK(m.alter(kFoo, "a") == ErrorCode::log_dir_not_found);
  CHECK(m.alter({"foo", 7}, "/b") == ErrorCode::unknown_topic_or_partition);
  m.broker->tell("bar", 1, 0);  // known, but not here
  CHECK(m.alter({"bar", 0}, "/c") == ErrorCode::replica_not_available);
  CHECK(m.alter({std::string(214, 'x'), 0}, "/b") == ErrorCode::invalid_topic_exception);
  CHECK(m.future() == nullptr);
  // What was asked for before it was there.
  REQUIRE(m.broker->lead("bar", 1, 0) == std::vector<ErrorCode>{ErrorCode::none});
  CHECK(m.broker->logs().get({"bar", 0})->parent_dir() == "/c");
}

TEST_CASE("LogManager: a new partition goes where the fewest are, futures counted", "[replication]") {
  Machine m(small_segments(), {"/a", "/b"});
  REQUIRE(m.broker->lead("foo", 1, 0) == std::vector<ErrorCode>{ErrorCode::none});
  REQUIRE(m.broker->lead("bar", 3, 0) == std::vector<ErrorCode>(3, ErrorCode::none));
  std::map<std::string, int> count;
  for (const auto& log : m.broker->logs().all_logs()) ++count[log->parent_dir()];
  CHECK(count == std::map<std::string, int>{{"/a", 2}, {"/b", 2}});
}

TEST_CASE("AlterReplicaLogDirs: a partition moves while it is written", "[replication]") {
  Machine m;
  m.lead();
  m.fill(60);
  const auto old = m.log();
  const auto from = old->parent_dir();
  const std::string to = m.other_dir();
  auto pending = m.start_alter(kFoo, to);
  REQUIRE(m.step_until([&] { return m.future() && m.future()->log_end_offset() > Offset(8); }));
  REQUIRE(pending->value);
  CHECK(pending->value->front() == ErrorCode::none);
  CHECK(m.kinds_in(from) == kLive);
  CHECK(m.kinds_in(to) == kFuture);
  const auto* moving = m.described(to, true);
  REQUIRE(moving);
  CHECK(moving->offset_lag == 60 - m.future()->log_end_offset().value());
  CHECK(moving->size == m.future()->size_bytes());
  REQUIRE(m.described(from, false));
  CHECK(m.described(from, false)->offset_lag == 0);
  CHECK(m.broker->replicas().mover().moving() == 1);
  CHECK(m.broker->replicas().mover().max_lag() > 0);

  m.fill(20);
  m.broker->poll();
  CHECK(m.future() == nullptr);
  CHECK(m.broker->replicas().partition(kFoo)->future_log() == nullptr);
  CHECK(m.log() != old);
  CHECK(m.log()->parent_dir() == to);
  CHECK(m.log() == m.broker->logs().get(kFoo));
  CHECK(m.log()->high_watermark() == Offset(80));
  CHECK(m.log()->topic_id() == id_of("foo"));
  CHECK(m.log()->latest_epoch() == LeaderEpoch(0));
  CHECK(m.kinds_in(from) == kDeleted);
  CHECK(m.kinds_in(to) == kLive);
  CHECK(m.broker->replicas().mover().moving() == 0);
  CHECK_FALSE((*m.disk.stat(to + "/foo-0/moldau-swap")).has_value());
  m.fill(5);
  m.check_records();
  // And back.
  CHECK(m.alter(kFoo, from) == ErrorCode::none);
  CHECK(m.log()->parent_dir() == from);
  m.fill(5);
  m.check_records();
}

TEST_CASE("AlterReplicaLogDirs: another target, and giving up", "[replication]") {
  Machine m;
  m.lead();
  m.fill(60);
  const auto from = m.log()->parent_dir();
  std::vector<std::string> others;
  std::copy_if(kDirs.begin(), kDirs.end(), std::back_inserter(others), [&](const auto& d) { return d != from; });
  (void)m.start_alter(kFoo, others[0]);
  REQUIRE(m.step_until([&] { return m.future() && m.future()->log_end_offset() > Offset(8); }));

  SECTION("a second directory while the move is under way") {
    auto second = m.start_alter(kFoo, others[1]);
    REQUIRE(m.step_until([&] { return second->value.has_value(); }));
    CHECK(second->value->front() == ErrorCode::none);
    CHECK(m.kinds_in(others[0]) == kDeleted);
    m.broker->poll();
    CHECK(m.log()->parent_dir() == others[1]);
    CHECK(m.kinds_in(from) == kDeleted);
  }
  SECTION("back to where it is") {
    auto back = m.start_alter(kFoo, from);
    REQUIRE(m.step_until([&] { return back->value.has_value(); }));
    CHECK(back->value->front() == ErrorCode::none);
    CHECK(m.future() == nullptr);
    m.broker->poll();
    CHECK(m.log()->parent_dir() == from);
    CHECK(m.kinds_in(others[0]) == kDeleted);
    CHECK(m.broker->replicas().mover().moving() == 0);
  }
  SECTION("the same again changes nothing") {
    const auto future = m.future();
    auto again = m.start_alter(kFoo, others[0]);
    REQUIRE(m.step_until([&] { return again->value.has_value(); }));
    CHECK(again->value->front() == ErrorCode::none);
    m.broker->poll();
    CHECK(m.log() == future);
  }
  m.fill(3);
  m.check_records();
}

TEST_CASE("AlterReplicaLogDirs: the topic is deleted during the move", "[replication]") {
  Machine m;
  m.lead();
  m.fill(60);
  const auto from = m.log()->parent_dir();
  const std::string to = m.other_dir();
  m.move_half_way(to);
  CHECK(m.broker->stop("foo", 0, 1, true) == ErrorCode::none);
  m.broker->poll();
  CHECK(m.broker->logs().get(kFoo) == nullptr);
  CHECK(m.future() == nullptr);
  CHECK(m.kinds_in(from) == kDeleted);
  CHECK(m.kinds_in(to) == kDeleted);
  CHECK(m.broker->replicas().mover().moving() == 0);
}

TEST_CASE("AlterReplicaLogDirs: the directory that a partition moves to fails alone", "[replication]") {
  Machine m;
  m.lead();
  m.fill(60);
  const auto from = m.log()->parent_dir();
  const std::string to = m.other_dir();
  std::vector<std::string> failed;
  m.broker->replicas().set_dir_failure_listener([&](const std::string& dir) { failed.push_back(dir); });
  m.move_half_way(to);
  m.disk.inject(SimDisk::Operation::write, to + "/");
  m.broker->poll();
  CHECK(failed == std::vector<std::string>{to});
  CHECK_FALSE(m.broker->replicas().partition(kFoo)->is_offline());
  CHECK(m.broker->replicas().partition(kFoo)->future_log() == nullptr);
  CHECK(m.broker->replicas().mover().moving() == 0);
  m.fill(5);
  m.check_records();
  CHECK(m.log()->parent_dir() == from);
  // As long as a directory is offline, which may hold a future log too, no move begins.
  CHECK(m.alter(kFoo, to) == ErrorCode::kafka_storage_error);
  const std::string third = *std::find_if(kDirs.begin(), kDirs.end(), [&](const auto& d) { return d != from && d != to; });
  CHECK(m.alter(kFoo, third) == ErrorCode::kafka_storage_error);
  const auto dirs = m.broker->replicas().describe_log_dirs([](TopicPartitionView) { return true; });
  for (const auto& d : dirs) CHECK((d.error == ErrorCode::kafka_storage_error) == (d.path == to));
  // With the disk back the next start goes on with the move.
  m.disk.heal();
  m.boot();
  m.lead(1, false);
  m.broker->poll();
  CHECK(m.log()->parent_dir() == to);
  m.check_records();
}

TEST_CASE("AlterReplicaLogDirs: the directory that a partition lies in fails", "[replication]") {
  Machine m;
  m.lead();
  m.fill(60);
  const auto from = m.log()->parent_dir();
  const std::string to = m.other_dir();
  m.move_half_way(to);
  m.disk.inject(SimDisk::Operation::write, from + "/", 0, 1000);
  const auto refused = m.broker->append(kFoo, {"x"});
  CHECK(refused.error == ErrorCode::kafka_storage_error);
  m.broker->poll();
  CHECK(m.broker->replicas().partition(kFoo)->is_offline());
  CHECK(m.broker->replicas().mover().moving() == 0);
  CHECK(m.kinds_in(to) == kFuture);
  CHECK(m.alter(kFoo, to) == ErrorCode::kafka_storage_error);
  m.disk.heal();
  m.boot();
  m.lead(1, false);
  m.broker->poll();
  CHECK(m.log()->parent_dir() == to);
}

TEST_CASE("AlterReplicaLogDirs: records that are deleted during the move stay so", "[replication]") {
  Machine m;
  m.lead();
  m.fill(60);
  const std::string to = m.other_dir();
  m.move_half_way(to);
  const int below = GENERATE(2, 30, 60);
  REQUIRE(m.broker->replicas().partition(kFoo)->delete_records(Offset(below)).has_value());
  m.broker->poll();
  CHECK(m.log()->parent_dir() == to);
  CHECK(m.log()->log_start_offset() == Offset(below));
  m.fill(5);
  m.check_records();
}

TEST_CASE("AlterReplicaLogDirs: a log whose beginning is gone", "[replication]") {
  Machine m;
  m.lead();
  m.fill(40);
  REQUIRE(m.broker->replicas().partition(kFoo)->delete_records(Offset(33)).has_value());
  const std::string to = m.other_dir();
  CHECK(m.alter(kFoo, to) == ErrorCode::none);
  CHECK(m.log()->parent_dir() == to);
  CHECK(m.log()->log_start_offset() == Offset(33));
  m.check_records();
}

TEST_CASE("AlterReplicaLogDirs: a move that a stop interrupts goes on after the start", "[replication]") {
  Machine m;
  m.lead();
  m.fill(60);
  const auto from = m.log()->parent_dir();
  const std::string to = m.other_dir();
  m.move_half_way(to);
  const auto copied = m.future()->log_end_offset();
  m.boot();
  REQUIRE(m.future());
  CHECK(m.future()->log_end_offset() == copied);
  CHECK(m.broker->logs().get(kFoo)->parent_dir() == from);
  m.lead(1, false);
  m.broker->poll();
  CHECK(m.log()->parent_dir() == to);
  CHECK(m.kinds_in(from) == kDeleted);
  CHECK(m.log()->latest_epoch() == LeaderEpoch(1));  // without a record of that epoch
  m.fill(5);
  m.check_records();
}

TEST_CASE("AlterReplicaLogDirs: a power loss at any write of a move loses nothing and ends nowhere", "[replication]") {
  auto config = small_segments();
  config.flush_messages = 1;
  // How many writes there are.
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  {
    Machine m(config);
    m.lead();
    m.fill(12);
    const std::string to = m.other_dir();
    first = m.disk.mutations();
    REQUIRE(m.alter(kFoo, to) == ErrorCode::none);
    REQUIRE(m.log()->parent_dir() == to);
    last = m.disk.mutations();
  }
  REQUIRE(last > first + 20);
  std::set<std::string> ends;
  for (auto at = first + 1; at <= last; ++at) {
    INFO("crash at mutation " << at << " of " << first << " to " << last);
    Machine m(config);
    m.lead();
    m.fill(12);
    const auto from = m.log()->parent_dir();
    const std::string to = m.other_dir();
    m.disk.stop_at(at);
    (void)m.start_alter(kFoo, to);
    m.broker->poll();
    m.broker.reset();
    m.disk.crash();
    m.boot();
    m.lead(1, false);
    m.broker->poll();
    m.check_records();
    m.fill(3);
    m.check_records();
    ends.insert(m.log()->parent_dir() == to ? "moved" : "stayed");
    // Nothing is left over but what will be deleted.
    CHECK(m.future() == nullptr);
    const auto other = m.kinds_in(m.log()->parent_dir() == to ? from : to);
    CHECK(std::all_of(other.begin(), other.end(), [](auto kind) { return kind == PartitionDirKind::to_delete; }));
    // The next clean stop and start agree.
    m.broker->logs().shutdown();
    m.boot();
    m.lead(2, false);
    m.check_records();
  }
  CHECK(ends == std::set<std::string>{"moved", "stayed"});
}

namespace {

/// Counts who is to be left alone.
struct Paused final : storage::LogCompactor {
  explicit Paused(std::map<std::string, int>& counts) : counts_(counts) {}
  void start() override {}
  void shutdown() override {}
  void on_log_removed(const storage::UnifiedLog&) override { ++counts_["removed"]; }
  void on_log_replaced(const storage::UnifiedLog&, const std::shared_ptr<storage::UnifiedLog>&) override { ++counts_["replaced"]; }
  void pause(TopicPartitionView tp) override { ++counts_["paused " + to_string(tp)]; }
  void resume(TopicPartitionView tp) override { --counts_["paused " + to_string(tp)]; }

 private:
  std::map<std::string, int>& counts_;
};

}  // namespace

TEST_CASE("AlterReplicaLogDirs: compaction leaves the partition alone until the move is over", "[replication]") {
  std::map<std::string, int> counts;
  Machine m;
  m.broker->logs().set_compactor(std::make_unique<Paused>(counts));
  m.lead();
  m.fill(60);
  const auto from = m.log()->parent_dir();
  const std::string to = m.other_dir();
  m.move_half_way(to);
  CHECK(counts["paused foo-0"] == 1);
  SECTION("to its end") {
    m.broker->poll();
    CHECK(counts["replaced"] == 1);
    CHECK(counts["removed"] == 0);
  }
  SECTION("given up") {
    CHECK(m.alter(kFoo, from) == ErrorCode::none);
    CHECK(counts["replaced"] == 0);
  }
  SECTION("its disk fails") {
    m.disk.inject(SimDisk::Operation::write, to + "/");
    m.broker->poll();
    CHECK(counts["replaced"] == 0);
  }
  SECTION("the topic is deleted") {
    CHECK(m.broker->stop("foo", 0, 1, true) == ErrorCode::none);
    CHECK(counts["removed"] == 1);
  }
  m.broker->poll();
  CHECK(counts["paused foo-0"] == 0);
}

TEST_CASE("FutureCopy: a log that was truncated and written anew behind its back", "[replication]") {
  Machine m;
  m.lead();
  m.fill(60);
  const std::string to = m.other_dir();
  (void)m.start_alter(kFoo, to);
  REQUIRE(m.step_until([&] { return m.future() && m.future()->log_end_offset() > Offset(20); }));
  // As a follower's log is: cut back to 10, and beyond where it was by a later leader's records.
  REQUIRE(m.broker->run(m.log()->truncate_to(Offset(10))).has_value());
  for (int i = 0; i < 70; ++i) {
    auto batch = make_batch({std::string(900, 'z')});
    storage::LeaderAppend append;
    append.records = batch.bytes();
    append.leader_epoch = LeaderEpoch(3);
    auto appending = m.log()->append_as_leader(append);
    REQUIRE(m.broker->run(std::move(appending)).has_value());
  }
  m.appended = 80;
  m.broker->poll();
  CHECK(m.log()->parent_dir() == to);
  m.check_records();
  CHECK(m.log()->epoch_for_offset(Offset(9)) == LeaderEpoch(0));
  CHECK(m.log()->epoch_for_offset(Offset(10)) == LeaderEpoch(3));
}

TEST_CASE("LogManager: a future log whose partition has lost its log takes its place", "[replication]") {
  Machine m;
  m.lead();
  m.fill(60);
  const auto from = m.log()->parent_dir();
  const std::string to = m.other_dir();
  m.move_half_way(to);
  const auto copied = m.future()->log_end_offset();
  m.broker.reset();
  REQUIRE(storage::remove_tree(m.disk, from + "/foo-0").has_value());
  m.boot();
  CHECK(m.future() == nullptr);
  m.lead(1, false);
  CHECK(m.log()->parent_dir() == to);
  m.appended = static_cast<int>(copied.value());
  m.check_records();
}

TEST_CASE("LogManager: two directories of one partition without a mark are for the operator", "[replication]") {
  Machine m;
  m.lead();
  const std::string other = m.other_dir();
  m.broker.reset();
  REQUIRE(m.disk.make_directory(other + "/foo-0", false).has_value());
  CHECK_THROWS_WITH(m.boot(), Catch::Contains("Duplicate log directories found"));
}
