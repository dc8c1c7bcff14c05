// Snapshots of a log manager's directories on a SimDisk, which stands for a running broker.
#include "server/snapshot/snapshot.h"

#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <functional>

#include "protocol/base/crc32c.h"
#include "server/snapshot/manifest.h"
#include "storage/checkpoint/offset_checkpoint.h"
#include "storage/log/log_manager.h"
#include "storage/log/unified_log.h"
#include "tests/unit/storage/storage_fixture.h"

using namespace moldau;
using namespace moldau::server;
using namespace moldau::storage;
using moldau::storage::test::BatchSpec;
using moldau::storage::test::make_batch;

namespace {

/// A log manager with a thread of its own.
class Broker final : public SnapshotBroker {
 public:
  explicit Broker(Disk& disk, std::vector<std::string> dirs) : disk_(disk), dirs_(dirs), random_(make_seeded_random(1)) {
    log_config->segment_bytes = 400;
    log_config->file_delete_delay_ms = 0;
    LogManagerConfig config;
    config.log_dirs = std::move(dirs);
    config.load_threads = 1;
    manager = LogManager::make(config, log_config, {disk_, clock, *random_, pool_.get_executor()});
    const auto opened = manager->open_dirs();
    if (!opened) FAIL(opened.error().message);
    REQUIRE(manager->write_identity(BrokerId(1), "abcdefghijklmnopqrstuv"));
    const auto s = manager->load_logs([this](const std::string&) { return log_config; }, {});
    if (!s) FAIL(s.error().message);
  }
  ~Broker() override {
    manager.reset();
    pool_.join();
  }

  std::shared_ptr<UnifiedLog> log(const std::string& topic) {
    if (auto there = manager->get({topic, 0})) return std::static_pointer_cast<UnifiedLog>(there);
    auto made = manager->get_or_create(TopicPartition{topic, 0}, log_config, true, Uuid{1, topic.size()});
    if (!made) FAIL(made.error().message);
    return std::static_pointer_cast<UnifiedLog>(*made);
  }
  template <class T>
  T run(Awaitable<T> work) {
    return boost::asio::co_spawn(pool_, std::move(work), boost::asio::use_future).get();
  }
  LogAppendInfo append(const std::string& topic, std::int32_t sequence) {
    auto bytes = make_batch({.value_size = 50, .producer_id = 7, .epoch = 0, .sequence = sequence});
    LeaderAppend append{bytes, LeaderEpoch(3), AppendOrigin::client, 11};
    const auto target = log(topic);
    auto done = run(target->append_as_leader(append));
    if (!done) FAIL(done.error().message);
    return *done;
  }
  /// Records [from, to), one batch each, and the high watermark behind them.
  void fill(const std::string& topic, int from, int to) {
    for (int i = from; i < to; ++i) CHECK(append(topic, i).first_offset == Offset(i));
    log(topic)->update_high_watermark(Offset(to));
  }

  Result<BrokerOutline> outlines(SnapshotLogs which) override {
    if (on_outlines) on_outlines(++calls);
    BrokerOutline outline;
    outline.log_dirs = dirs_;
    for (const auto& l : manager->unified_logs())
      if ((l->topic_partition().topic == "__consumer_offsets") == (which == SnapshotLogs::internal)) outline.logs.push_back(l->outline());
    return outline;
  }
  Result<std::string> copy_metadata() override {
    const auto path = dirs_.back() + "/moldau-metadata.db.copy";
    auto file = disk_.open(path, OpenMode::truncate);
    if (!file) return file.error();
    if (auto s = (*file)->write_at(0, as_bytes("the tree")); !s) return s.error();
    return path;
  }

  std::shared_ptr<config::LogConfig> log_config = std::make_shared<config::LogConfig>();
  ManualClock clock;
  std::unique_ptr<LogManager> manager;
  std::function<void(int call)> on_outlines;
  int calls = 0;

 private:
  Disk& disk_;
  std::vector<std::string> dirs_;
  std::unique_ptr<Random> random_;
  boost::asio::thread_pool pool_{1};
};

Result<SnapshotReport> snapshot(Disk& disk, const std::vector<std::string>& dirs, SnapshotBroker* broker, const std::string& to = "/snap") {
  static ManualClock clock;
  SnapshotRequest request;
  request.log_dirs = dirs;
  request.to = to;
  request.broker = broker;
  return make_snapshot(request, {disk, clock});
}

std::string content(Disk& disk, const std::string& path) {
  const auto text = read_whole(disk, path);
  REQUIRE(text);
  REQUIRE(text->has_value());
  return **text;
}

bool exists(Disk& disk, const std::string& path) { return disk.stat(path)->has_value(); }

/// Files of the manifest that are not as it says.
int wrong_files(Disk& disk, const std::string& root) {
  const auto manifest = parse_manifest(content(disk, root + "/" + kManifestFile));
  REQUIRE(manifest.has_value());
  int wrong = 0;
  for (const auto& file : manifest->files) {
    const auto text = read_whole(disk, root + "/" + file.path);
    REQUIRE(text);
    if (!*text || (*text)->size() != file.bytes || (file.crc && crc32c(as_bytes(**text)) != *file.crc)) ++wrong;
  }
  return wrong;
}

std::string segment(int base) { return segment_file_name(base, ".log"); }

}  // namespace

TEST_CASE("moldau snapshot: a running broker's logs end at the high watermark, and go on from there", "[snapshot]") {
  SimDisk disk(1);
  Broker broker(disk, {"/a", "/b"});
  broker.fill("t", 0, 20);
  broker.log("t")->update_high_watermark(Offset(15));
  broker.fill("__consumer_offsets", 0, 3);
  broker.log("empty");
  const auto report = snapshot(disk, {"/a", "/b"}, &broker);
  REQUIRE(report);
  CHECK(report->running);
  CHECK(report->totals.partitions == 3);
  CHECK(report->totals.linked_files > 0);
  CHECK(wrong_files(disk, "/snap") == 0);
  CHECK(content(disk, "/snap/dir1/moldau-metadata.db") == "the tree");
  CHECK_FALSE(exists(disk, "/b/moldau-metadata.db.copy"));
  CHECK(exists(disk, "/snap/dir0/.kafka_cleanshutdown"));

  // The source goes on, and the snapshot does not notice.
  broker.fill("t", 20, 40);
  CHECK(wrong_files(disk, "/snap") == 0);

  Broker restored(disk, {"/snap/dir0", "/snap/dir1"});
  const auto log = restored.log("t");
  CHECK(log->log_end_offset() == Offset(15));
  CHECK(log->high_watermark() == Offset(15));
  CHECK(log->latest_epoch() == LeaderEpoch(3));
  CHECK(log->topic_id() == Uuid{1, 1});
  CHECK(restored.log("empty")->log_end_offset() == Offset(0));
  CHECK(restored.log("__consumer_offsets")->log_end_offset() == Offset(3));
  // The producer's state is that of the cut: its last batch is known, the next one follows.
  CHECK(restored.append("t", 14).duplicate);
  CHECK(restored.append("t", 15).first_offset == Offset(15));
  CHECK(broker.log("t")->log_end_offset() == Offset(40));
}

TEST_CASE("moldau snapshot: a linked segment that becomes the active one again is the snapshot's no more", "[snapshot]") {
  SimDisk disk(1);
  Broker broker(disk, {"/a"});
  broker.fill("t", 0, 30);
  REQUIRE(snapshot(disk, {"/a"}, &broker));
  const auto log = broker.log("t");
  const auto list = log->outline().segments;
  REQUIRE(list.size() > 3);
  const auto name = "/t-0/" + segment(static_cast<int>(list[1].base.value()));
  REQUIRE(disk.stat("/a" + name)->value().links == 2);
  const auto before = content(disk, "/snap/dir0" + name);
  REQUIRE(broker.run(log->truncate_to(list[1].base + 1)));
  CHECK(content(disk, "/snap/dir0" + name) == before);
  CHECK(disk.stat("/a" + name)->value().links == 1);
  CHECK(log->log_end_offset() == list[1].base + 1);
  CHECK(content(disk, "/a" + name) == before.substr(0, content(disk, "/a" + name).size()));
  broker.append("t", static_cast<int>(list[1].base.value()) + 1);
  CHECK(content(disk, "/snap/dir0" + name) == before);
  CHECK(wrong_files(disk, "/snap") == 0);
}

TEST_CASE("moldau snapshot: a closed segment whose follower a power loss took is copied before a start writes to it", "[snapshot]") {
  SimDisk disk(1);
  std::string name, before;
  {
    Broker broker(disk, {"/a"});
    broker.fill("t", 0, 30);
    REQUIRE(snapshot(disk, {"/a"}, &broker));
    const auto list = broker.log("t")->outline().segments;
    REQUIRE(list.size() > 3);
    name = "/t-0/" + segment(static_cast<int>(list[1].base.value()));
    before = content(disk, "/snap/dir0" + name);
    for (std::size_t i = 2; i < list.size(); ++i) REQUIRE(disk.remove("/a/t-0/" + segment(static_cast<int>(list[i].base.value()))));
    disk.crash();
  }
  REQUIRE(exists(disk, "/a" + name));
  Broker broker(disk, {"/a"});
  const auto end = broker.log("t")->log_end_offset();
  broker.append("t", static_cast<int>(end.value()));
  CHECK(content(disk, "/snap/dir0" + name) == before);
}

TEST_CASE("moldau snapshot: a log that loses segments meanwhile is copied again", "[snapshot]") {
  SimDisk disk(1);
  Broker broker(disk, {"/a"});
  broker.fill("t", 0, 30);
  broker.fill("u", 0, 30);
  broker.on_outlines = [&](int call) {
    // One asks for the internal logs, one for the data's, the third whether those have changed.
    if (call != 3) return;
    const auto log = broker.log("t");
    REQUIRE(log->maybe_increment_log_start_offset(Offset(20)));
    const auto removed = broker.run(log->delete_old_segments());
    REQUIRE(removed);
    REQUIRE(*removed > 0);
  };
  REQUIRE(snapshot(disk, {"/a"}, &broker));
  CHECK(wrong_files(disk, "/snap") == 0);
  Broker restored(disk, {"/snap/dir0"});
  CHECK(restored.log("t")->log_start_offset() == Offset(20));
  CHECK(restored.log("t")->segment_count() == broker.log("t")->segment_count());
  CHECK(restored.log("t")->log_end_offset() == Offset(30));
  CHECK(restored.log("u")->log_start_offset() == Offset(0));
}

TEST_CASE("moldau snapshot: what is deleted meanwhile is not there", "[snapshot]") {
  for (const int when : {2, 3, 5}) {
    INFO("before the outlines told as number " << when);
    SimDisk disk(1);
    Broker broker(disk, {"/a"});
    broker.fill("t", 0, 30);
    broker.fill("gone", 0, 30);
    broker.on_outlines = [&](int call) {
      if (call != when) return;
      broker.run([](std::shared_ptr<UnifiedLog> log) -> Awaitable<int> {
        co_await log->seal();
        co_return 0;
      }(broker.log("gone")));
      REQUIRE(broker.manager->async_delete({"gone", 0}));
    };
    REQUIRE(snapshot(disk, {"/a"}, &broker));
    CHECK(broker.calls >= when);
    CHECK_FALSE(exists(disk, "/snap/dir0/gone-0"));
    CHECK(exists(disk, "/snap/dir0/t-0"));
    CHECK(wrong_files(disk, "/snap") == 0);
  }
}

TEST_CASE("moldau snapshot: damage below the high watermark is told, not cut away", "[snapshot]") {
  SimDisk disk(1);
  Broker broker(disk, {"/a"});
  broker.fill("t", 0, 30);
  const auto active = broker.log("t")->outline().segments.back();
  REQUIRE(active.bytes > 100);
  const auto file = disk.open("/a/t-0/" + segment(static_cast<int>(active.base.value())), OpenMode::write);
  REQUIRE(file);
  REQUIRE((*file)->write_at(active.bytes - 5, as_bytes("#")));
  const auto report = snapshot(disk, {"/a"}, &broker);
  REQUIRE_FALSE(report);
  CHECK(report.error().message.find("damaged") != std::string::npos);
  CHECK_FALSE(exists(disk, "/snap"));
  CHECK_FALSE(exists(disk, "/snap.partial"));
}

TEST_CASE("moldau snapshot: a stopped broker's directories are copied as they are", "[snapshot]") {
  SimDisk disk(1);
  {
    Broker broker(disk, {"/a"});
    broker.fill("t", 0, 30);
    broker.manager->shutdown();
  }
  const auto report = snapshot(disk, {"/a"}, nullptr);
  REQUIRE(report);
  CHECK_FALSE(report->running);
  CHECK(report->clean);
  CHECK(wrong_files(disk, "/snap") == 0);
  std::vector<std::string> logs;
  for (const auto& entry : *disk.list("/a/t-0"))
    if (entry.name.ends_with(".log")) logs.push_back(entry.name);
  std::sort(logs.begin(), logs.end());
  REQUIRE(logs.size() > 3);
  for (const auto& name : logs) CHECK((disk.stat("/snap/dir0/t-0/" + name)->value().links == 2) == (name != logs.back()));
  Broker restored(disk, {"/snap/dir0"});
  CHECK(restored.log("t")->log_end_offset() == Offset(30));
  CHECK(restored.append("t", 29).duplicate);
}

TEST_CASE("moldau snapshot: of a broker that was killed only what no recovery looks at is linked", "[snapshot]") {
  SimDisk disk(1);
  Offset point;
  {
    Broker broker(disk, {"/a"});
    broker.fill("t", 0, 30);
    REQUIRE(broker.log("t")->flush_blocking());
    point = broker.log("t")->recovery_point();
    REQUIRE(write_offset_checkpoint(disk, "/a/recovery-point-offset-checkpoint", {{TopicPartition{"t", 0}, point}}));
    broker.fill("t", 30, 60);
    disk.crash();
  }
  const auto report = snapshot(disk, {"/a"}, nullptr);
  REQUIRE(report);
  CHECK_FALSE(report->clean);
  for (const auto& entry : *disk.list("/snap/dir0/t-0"))
    if (entry.name.ends_with(".log") && disk.stat("/snap/dir0/t-0/" + entry.name)->value().links > 1) CHECK(std::stoll(entry.name) < point.value());
  Broker original(disk, {"/a"});
  Broker restored(disk, {"/snap/dir0"});
  CHECK(restored.log("t")->log_end_offset() == original.log("t")->log_end_offset());
  CHECK(restored.log("t")->log_end_offset() >= point);
}

TEST_CASE("moldau snapshot: refusals say why, and touch nothing", "[snapshot]") {
  SimDisk disk(1);
  Broker broker(disk, {"/a"});
  broker.fill("t", 0, 3);
  const auto refusal = [&](const std::vector<std::string>& dirs, SnapshotBroker* asked, const std::string& to) {
    const auto report = snapshot(disk, dirs, asked, to);
    REQUIRE_FALSE(report);
    CHECK_FALSE(exists(disk, to + ".partial"));
    return report.error().message;
  };
  CHECK(refusal({"/a"}, nullptr, "/snap").find("in use") != std::string::npos);
  CHECK(refusal({"/a"}, &broker, "/a/snap").find("lies in the log directory") != std::string::npos);
  CHECK(refusal({"/nothing"}, &broker, "/snap").find("meta.properties") != std::string::npos);
  REQUIRE(disk.make_directory("/full", false));
  REQUIRE(write_atomically(disk, "/full/file", "mine"));
  CHECK(refusal({"/a"}, &broker, "/full").find("not empty") != std::string::npos);
  CHECK(content(disk, "/full/file") == "mine");
  {
    SimDisk other_disk(2);
    const Broker other(other_disk, {"/x"});
    Broker second(disk, {"/b"});
    CHECK(refusal({"/a"}, &second, "/snap").find("serves /b, not /a") != std::string::npos);
  }
  REQUIRE(disk.make_directory("/snap.partial", false));
  REQUIRE(write_atomically(disk, "/snap.partial/file", "mine"));
  const auto report = snapshot(disk, {"/a"}, &broker);
  REQUIRE_FALSE(report);
  CHECK(content(disk, "/snap.partial/file") == "mine");
  CHECK_FALSE(exists(disk, "/snap"));
}

TEST_CASE("moldau snapshot: whatever write fails, or is the last, nothing looks complete that is not", "[snapshot][sim]") {
  std::uint64_t writes = 0;
  {
    SimDisk disk(1);
    Broker broker(disk, {"/a"});
    broker.fill("t", 0, 20);
    const auto before = disk.mutations();
    REQUIRE(snapshot(disk, {"/a"}, &broker));
    writes = disk.mutations() - before;
  }
  REQUIRE(writes > 30);
  int complete = 0;
  for (std::uint64_t n = 0; n <= writes; n += n < writes - 12 ? 5 : 1) {
    INFO("the machine stops at change " << n << " of " << writes);
    SimDisk disk(n + 1);
    {
      Broker broker(disk, {"/a"});
      broker.fill("t", 0, 20);
      for (const char* dir : {"/", "/a", "/a/t-0"}) REQUIRE(disk.sync_directory(dir));
      REQUIRE(broker.log("t")->flush_blocking());
      disk.stop_at(disk.mutations() + n);
      (void)snapshot(disk, {"/a"}, &broker);
      disk.crash();
    }
    if (exists(disk, "/snap")) {
      ++complete;
      CHECK(wrong_files(disk, "/snap") == 0);
    }
    // The next one clears away what is left.
    const auto again = snapshot(disk, {"/a"}, nullptr, "/snap");
    if (exists(disk, "/snap/manifest") && !again) CHECK(again.error().message.find("not empty") != std::string::npos);
    CHECK(exists(disk, "/snap/manifest"));
    CHECK_FALSE(exists(disk, "/snap.partial"));
  }
  CHECK(complete > 0);
}

TEST_CASE("moldau snapshot: when the disk of the snapshot fails, the broker's goes on", "[snapshot]") {
  for (int skip = 0; skip < 60; skip += 3) {
    INFO("after " << skip << " writes");
    SimDisk disk(1);
    Broker broker(disk, {"/a"});
    broker.fill("t", 0, 20);
    disk.inject(SimDisk::Operation::write, "snap.partial", skip, 1);
    const auto report = snapshot(disk, {"/a"}, &broker);
    if (!report) {
      CHECK_FALSE(exists(disk, "/snap"));
      CHECK_FALSE(exists(disk, "/snap.partial"));
    }
    CHECK(broker.manager->is_dir_online("/a"));
    CHECK_FALSE(exists(disk, "/a/moldau-metadata.db.copy"));
    broker.fill("t", 20, 30);
  }
}
