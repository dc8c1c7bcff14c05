// Every file of a partition directory in every bad state: the records that are readable stay, the log goes on, and what can't be used is kept or rebuilt.
#include "tests/unit/storage/storage_fixture.h"

#include <algorithm>
#include <functional>
#include <map>

using namespace moldau;
using namespace moldau::storage;
using namespace moldau::storage::test;

namespace {

enum class Damage { missing, empty, half, odd_byte, garbage, more, zeros, other_version, directory };
constexpr Damage kAll[] = {Damage::missing, Damage::empty, Damage::half,          Damage::odd_byte, Damage::garbage,
                           Damage::more,    Damage::zeros, Damage::other_version, Damage::directory};
constexpr const char* kDamageNames[] = {"missing", "empty", "half", "odd byte", "garbage", "more", "zeros", "other version", "directory"};

constexpr std::int64_t kEnd = 21;
constexpr std::int64_t kAbortedProducer = 9;

/// Three records of an aborted transaction, then nine batches of two of an idempotent producer, over several segments.
void fill(LogHarness& h) {
  h.config->segment_bytes = 600;
  h.config->index_interval_bytes = 50;
  h.create();
  REQUIRE(h.log->assign_topic_id(Uuid{7, 8}));
  h.must_append({.records = 2, .timestamp = kNow, .value_size = 30, .producer_id = kAbortedProducer, .epoch = 0, .sequence = 0, .transactional = true}, 0);
  REQUIRE(h.append(make_marker(kAbortedProducer, 0, false), AppendOrigin::coordinator, 0));
  for (int i = 0; i < 9; ++i)
    h.must_append({.records = 2, .timestamp = kNow + 10 + i, .value_size = 30, .producer_id = 8, .epoch = 0, .sequence = i * 2}, 1 + i / 4);
  h.drain();
}

void overwrite(Disk& disk, const std::string& path, Damage damage) {
  if (damage == Damage::missing || damage == Damage::directory) {
    REQUIRE(disk.remove(path));
    if (damage == Damage::directory) REQUIRE(disk.make_directory(path, false));
    return;
  }
  auto file = *disk.open(path, OpenMode::write);
  const auto size = *file->size();
  const std::vector<std::byte> garbage(static_cast<std::size_t>(std::clamp<std::uint64_t>(size, 16, 4096)), std::byte{0xA5});
  switch (damage) {
    case Damage::empty: REQUIRE(file->truncate(0)); break;
    case Damage::half: REQUIRE(file->truncate(size / 2)); break;
    case Damage::odd_byte: REQUIRE(file->truncate(size > 0 ? size - 1 : 0)); break;
    case Damage::garbage: REQUIRE(file->write_at(0, garbage)); break;
    case Damage::more: REQUIRE(file->write_at(size, std::vector<std::byte>(24, std::byte{0x7F}))); break;
    case Damage::zeros:
      REQUIRE(file->truncate(0));
      REQUIRE(file->truncate(std::max<std::uint64_t>(size, 16)));
      break;
    case Damage::other_version:
      // The version is a text's first digit, or the first two bytes; indexes have none and get an entry that can't be.
      if (path.ends_with("leader-epoch-checkpoint"))
        REQUIRE(file->write_at(0, as_bytes(std::string_view("7"))));
      else if (path.ends_with("partition.metadata"))
        REQUIRE(file->write_at(0, as_bytes(std::string_view("version: 7"))));
      else
        REQUIRE(file->write_at(0, std::vector<std::byte>(2, std::byte{0x70})));
      break;
    default: break;
  }
}

std::vector<std::string> corrupt_files(Disk& disk, const std::string& dir) {
  std::vector<std::string> names;
  for (const auto& e : *disk.list(dir))
    if (e.name.find(".corrupt-") != std::string::npos) names.push_back(e.name);
  return names;
}

std::vector<std::string> files_named(Disk& disk, const std::string& dir, std::string_view suffix) {
  std::vector<std::string> names;
  for (const auto& e : *disk.list(dir))
    if (std::string_view(e.name).ends_with(suffix)) names.push_back(e.name);
  return names;
}

std::vector<AbortedTxn> aborted(const UnifiedLog& log) {
  auto info = log.read(Offset(0), 1 << 20, FetchIsolation::txn_committed, true);
  REQUIRE(info);
  return info->aborted;
}

/// Everything a reader or writer could notice.
void check_whole(LogHarness& h) {
  h.log->update_high_watermark(h.log->log_end_offset());
  REQUIRE(h.log->log_end_offset() == Offset(kEnd));
  REQUIRE(h.offsets_from(0) == range(0, kEnd));
  for (int i = 0; i < kEnd; ++i) REQUIRE(h.offsets_from(i).front() == i);
  REQUIRE(h.log->epoch_for_offset(Offset(1)) == LeaderEpoch(0));
  REQUIRE(h.log->epoch_for_offset(Offset(3)) == LeaderEpoch(1));
  REQUIRE(h.log->latest_epoch() == LeaderEpoch(3));
  REQUIRE((*h.log->offset_by_timestamp(kNow + 15))->offset == Offset(12));
  REQUIRE((*h.log->offset_by_timestamp(-3))->offset == Offset(kEnd - 1));
}

}  // namespace

TEST_CASE("Recovery: any file beside the batches, in any bad state", "[storage]") {
  for (const char* suffix : {".index", ".timeindex", ".txnindex", ".snapshot", "leader-epoch-checkpoint", "partition.metadata"}) {
    for (const bool clean : {true, false}) {
      for (const auto damage : kAll) {
        CAPTURE(suffix, clean, kDamageNames[static_cast<std::size_t>(damage)]);
        SimDisk disk(1);
        LogHarness h(disk);
        fill(h);
        if (clean) h.close();
        const auto damaged = files_named(disk, h.dir(), suffix);
        REQUIRE(!damaged.empty());
        const bool had_content = std::all_of(damaged.begin(), damaged.end(), [&](const auto& name) { return (*disk.stat(h.dir() + "/" + name))->size > 0; });
        for (const auto& name : damaged) overwrite(disk, h.dir() + "/" + name, damage);
        REQUIRE(h.load({.clean = clean}));
        check_whole(h);
        const std::string_view what = suffix;
        // An index of transactions that is not there, or ends early at an entry, can't be told from a whole one without reading all batches (Apache Kafka does not either).
        const bool unseen =
            clean && what == ".txnindex" && (damage == Damage::missing || damage == Damage::empty || damage == Damage::half || damage == Damage::directory);
        if (!unseen) {
          const auto txns = aborted(*h.log);
          REQUIRE(txns.size() == 1);
          CHECK(txns[0].producer_id == ProducerId(kAbortedProducer));
          CHECK(txns[0].first_offset == Offset(0));
        }
        // Without any snapshot a clean log counts as one from before idempotence, as in Apache Kafka.
        if (!(clean && what == ".snapshot")) {
          const auto producers = h.log->active_producers();
          const auto found = std::find_if(producers.begin(), producers.end(), [](const auto& p) { return p.producer_id == ProducerId(8); });
          REQUIRE(found != producers.end());
          CHECK(found->last_sequence == 17);
        }
        if (what != "partition.metadata") CHECK(h.log->topic_id() == Uuid{7, 8});
        if (damage == Damage::missing) CHECK(corrupt_files(disk, h.dir()).empty());
        if (damage == Damage::directory) CHECK(corrupt_files(disk, h.dir()).size() >= damaged.size());
        const bool small_text = what == "leader-epoch-checkpoint" || what == "partition.metadata";
        if (small_text && had_content && (damage == Damage::garbage || damage == Damage::other_version)) CHECK(corrupt_files(disk, h.dir()).size() == 1);
        // It goes on, and a clean stop and start find nothing more to mend.
        h.must_append({.records = 1, .timestamp = kNow + 100}, 9);
        h.drain();
        const auto kept = corrupt_files(disk, h.dir()).size();
        h.close();
        REQUIRE(h.load({.clean = true}));
        CHECK(h.log->log_end_offset() == Offset(kEnd + 1));
        CHECK(h.offsets_from(0) == range(0, kEnd + 1));
        CHECK(corrupt_files(disk, h.dir()).size() == kept);
      }
    }
  }
}

TEST_CASE("Recovery: two damaged files at once", "[storage]") {
  const char* const suffixes[] = {".index", ".timeindex", ".txnindex", ".snapshot", "leader-epoch-checkpoint", "partition.metadata"};
  for (const char* first : suffixes) {
    for (const char* second : suffixes) {
      if (std::string_view(first) >= std::string_view(second)) continue;
      for (const auto damage : {Damage::missing, Damage::garbage, Damage::odd_byte}) {
        CAPTURE(first, second, kDamageNames[static_cast<std::size_t>(damage)]);
        SimDisk disk(1);
        LogHarness h(disk);
        fill(h);
        for (const char* suffix : {first, second})
          for (const auto& name : files_named(disk, h.dir(), suffix)) overwrite(disk, h.dir() + "/" + name, damage);
        REQUIRE(h.load());
        check_whole(h);
        CHECK(aborted(*h.log).size() == 1);
      }
    }
  }
}

TEST_CASE("Recovery: an index that reaches beyond its segment is rebuilt", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  fill(h);
  h.close();
  REQUIRE(h.log->segment_count() > 1);
  // Well-formed, but with the offsets of another segment; the position is the first batch's.
  std::byte entry[8]{};
  store_be(entry, std::int32_t{5000});
  auto file = *disk.open(h.dir() + "/" + segment_file_name(0, ".index"), OpenMode::truncate);
  REQUIRE(file->write_at(0, entry));
  std::byte time[12]{};
  store_be(time, kNow - 1'000'000);
  store_be(time + 8, std::int32_t{5000});
  auto times = *disk.open(h.dir() + "/" + segment_file_name(0, ".timeindex"), OpenMode::truncate);
  REQUIRE(times->write_at(0, time));
  REQUIRE(h.load({.clean = true}));
  check_whole(h);
  // Retention by time goes by the segment's largest timestamp: a wrong one would have deleted it.
  const auto largest = (*h.log->segments())[0]->largest_timestamp();
  REQUIRE(largest);
  CHECK(*largest >= kNow);
}

TEST_CASE("Recovery: a recovery point beyond the log's end vouches for nothing", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  fill(h);
  const auto first = h.dir() + "/" + segment_file_name(0, ".log");
  {
    auto file = *disk.open(first, OpenMode::write);
    std::byte b{};
    const auto at = *file->size() - 5;
    REQUIRE(file->read_at(at, {&b, 1}));
    b ^= std::byte{1};
    REQUIRE(file->write_at(at, {&b, 1}));
  }
  SECTION("within the log it is believed") {
    REQUIRE(h.load({.recovery_point = Offset(kEnd)}));
    CHECK(h.log->log_end_offset() == Offset(kEnd));
  }
  SECTION("beyond it all batches are looked at, and what is cut is kept") {
    const auto segments = h.log->segment_count();
    REQUIRE(h.load({.recovery_point = Offset(kEnd + 1000)}));
    CHECK(h.log->log_end_offset() < Offset(kEnd));
    CHECK(corrupt_files(disk, h.dir()).size() >= segments - 1);
  }
}

TEST_CASE("Recovery: what is not the log's own is left alone", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  fill(h);
  h.close();
  const auto put = [&](const std::string& name) {
    auto file = *disk.open(h.dir() + "/" + name, OpenMode::truncate);
    REQUIRE(file->write_at(0, as_bytes(std::string_view("mine"))));
  };
  const std::vector<std::string> strangers{"notes.txt",
                                           "backup.deleted",
                                           "backup.cleaned",
                                           "backup.swap",
                                           "leader-epoch-checkpoint.tmp",
                                           "partition.metadata.tmp",
                                           "123.log",
                                           "99999999999999999999.log",
                                           "0000000000000000000x.index",
                                           "00000000000000000000.log.corrupt-1"};
  for (const auto& name : strangers) put(name);
  REQUIRE(disk.make_directory(h.dir() + "/folder", false));
  REQUIRE(disk.make_directory(h.dir() + "/00000000000000000000.bak", false));
  REQUIRE(h.load({.clean = true}));
  check_whole(h);
  for (const auto& name : strangers) {
    CAPTURE(name);
    CHECK((*disk.stat(h.dir() + "/" + name)).has_value());
  }
  CHECK((*disk.stat(h.dir() + "/folder")).has_value());
  CHECK((*disk.stat(h.dir() + "/00000000000000000000.bak")).has_value());
  // A .tmp is no stranger for long: the next write of its file takes its name.
  h.must_append({.records = 1, .timestamp = kNow + 100}, 9);
  h.drain();
  REQUIRE(h.log->flush_blocking());
  CHECK(h.log->latest_epoch() == LeaderEpoch(9));
}

TEST_CASE("Recovery: a swap that is not whole does not take the place of a segment that is", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  fill(h);
  h.close();
  const auto bases = h.log->segments()->bases();
  REQUIRE(bases.size() > 2);
  auto content = make_batch({.base_offset = 1});
  const auto whole = content.size();
  const auto write_swap = [&](Bytes bytes) {
    auto f = *disk.open(h.dir() + "/" + segment_file_name(0, ".log.swap"), OpenMode::truncate);
    REQUIRE(f->write_at(0, bytes));
    auto i = *disk.open(h.dir() + "/" + segment_file_name(0, ".index.swap"), OpenMode::truncate);
    REQUIRE(i);
  };
  SECTION("cut off") {
    write_swap(Bytes(content).first(whole - 3));
    REQUIRE(h.load({.clean = true}));
    check_whole(h);
    CHECK(corrupt_files(disk, h.dir()) == std::vector<std::string>{segment_file_name(0, ".log.swap.corrupt-") + std::to_string(kNow)});
  }
  SECTION("a wrong checksum") {
    content[whole - 2] ^= std::byte{4};
    write_swap(content);
    REQUIRE(h.load({.clean = true}));
    check_whole(h);
  }
  SECTION("what it replaces is gone already: its readable part is all there is") {
    const auto second = make_batch({.base_offset = 2});
    content.insert(content.end(), second.begin(), second.end() - 4);
    write_swap(content);
    REQUIRE(disk.remove(h.dir() + "/" + segment_file_name(0, ".log")));
    REQUIRE(h.load({.clean = false}));
    CHECK(h.offsets_from(0).front() == 1);
  }
  for (const auto& e : *disk.list(h.dir())) CHECK_FALSE(e.name.ends_with(".swap"));
}

TEST_CASE("Recovery: a log start beyond the log's end leaves the log empty, and the records beside it", "[storage]") {
  SimDisk disk(1);
  LogHarness h(disk);
  fill(h);
  h.close();
  const auto segments = h.log->segment_count();
  REQUIRE(h.load({.clean = true, .log_start = Offset(500)}));
  CHECK(h.log->log_start_offset() == Offset(500));
  CHECK(corrupt_files(disk, h.dir()).size() == segments);
  // Put back by hand, with a right checkpoint, all is there.
  h.close();
  for (const auto& name : corrupt_files(disk, h.dir())) REQUIRE(disk.rename(h.dir() + "/" + name, h.dir() + "/" + name.substr(0, name.find(".corrupt-"))));
  for (const auto& name : files_named(disk, h.dir(), segment_file_name(500, ".log"))) REQUIRE(disk.remove(h.dir() + "/" + name));
  REQUIRE(h.load({.clean = false}));
  CHECK(h.offsets_from(0) == range(0, kEnd));
}

TEST_CASE("Recovery: a log that can't be loaded says so, and is not the disk's failure", "[storage]") {
  TempDir temp;
  LogHarness h(posix_disk(), temp.path());
  fill(h);
  h.close();
  const auto bases = h.log->segments()->bases();
  const auto log = h.dir() + "/" + segment_file_name(bases[1].value(), ".log");
  std::filesystem::rename(log, temp.path() + "/elsewhere");
  std::filesystem::create_symlink(temp.path() + "/elsewhere", log);
  REQUIRE(h.load({.clean = true}));  // a link is as good as the file
  check_whole(h);
  h.close();
  std::filesystem::rename(temp.path() + "/elsewhere", temp.path() + "/unmounted");
  const auto refused = h.load({.clean = true});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::corrupt_message);
  CHECK(refused.error().message.find(log) == 0);
  CHECK(h.dir_state->online());
  std::filesystem::rename(temp.path() + "/unmounted", temp.path() + "/elsewhere");
  REQUIRE(h.load({.clean = true}));
  check_whole(h);
}
