// --verify: a sound directory is sound; each kind of broken file is named with the place and the reason.
#include "tests/unit/server/tools/tool_fixture.h"

using namespace moldau;
using namespace moldau::server::tools::test;
using Catch::Contains;

namespace {

/// The directory is broken in one file, and the line says so.
void check_broken(const DataDir& dir, const std::string& file, const std::string& line) {
  const auto done = dir.verify();
  INFO(done.out);
  CHECK(done.code == 1);
  CHECK_THAT(done.out, Contains(file + ": " + line));
  CHECK_THAT(done.out, Contains(": 1 broken files"));
}

void cut(File& bytes, std::size_t n) { bytes.resize(bytes.size() - n); }

}  // namespace

TEST_CASE("verify: a sound directory", "[tools]") {
  const DataDir dir;
  const auto done = dir.verify();
  CHECK(done.out == "1 partitions, 2 segments, 8 batches, 80 records, " + std::to_string(8 * dir.batch_size()) + " bytes: 0 broken files\n");
  CHECK(done.code == 0);
  CHECK(run_tool({"--verify", dir.partition() + "/"}).code == 0);
}

TEST_CASE("verify: nothing is written", "[tools]") {
  const DataDir dir;
  std::filesystem::remove(dir.file(0, ".index"));
  (void)run_tool({"--files", dir.file(0, ".timeindex")});
  CHECK(dir.verify().code == 1);
  CHECK(!std::filesystem::exists(dir.file(0, ".index")));
  CHECK(!std::filesystem::exists(dir.root() + "/.lock"));
}

TEST_CASE("verify: a torn tail", "[tools]") {
  const DataDir dir;
  dir.change(dir.file(40, ".log"), [](File& f) { f.resize(f.size() + 70, std::byte{1}); });
  const auto end = std::to_string(4 * dir.batch_size());
  check_broken(dir, dir.file(40, ".log"), "offset 80, position " + end + ": 70 bytes behind the last whole batch are none: ");
}

TEST_CASE("verify: zeros behind the last batch", "[tools]") {
  const DataDir dir;
  dir.change(dir.file(40, ".log"), [](File& f) { f.resize(f.size() + 5000); });
  check_broken(dir, dir.file(40, ".log"), "offset 80, position " + std::to_string(4 * dir.batch_size()) + ": 5000 bytes of zeros behind the last whole batch");
}

TEST_CASE("verify: a cut batch is missed by indexes, snapshot and checkpoint too", "[tools]") {
  const DataDir dir;
  dir.change(dir.file(40, ".log"), [](File& f) { cut(f, 1); });
  const auto done = dir.verify();
  CHECK(done.code == 1);
  for (const auto& line :
       {dir.file(40, ".log") + ": offset 70, position ",
        dir.file(40, ".index") + ": offset 79, position 16: 1 entries are beyond the end of the log at offset 70",
        dir.file(40, ".timeindex") + ": offset 79, position 24: 1 entries are beyond the end", dir.file(80, ".snapshot") + ": offset 80: it is beyond the end",
        dir.root() + "/recovery-point-offset-checkpoint: offset 80: t-0: the offset is beyond the end of its log at offset 70"})
    CHECK_THAT(done.out, Contains(line));
}

TEST_CASE("verify: a bad checksum", "[tools]") {
  const DataDir dir;
  dir.change(dir.file(0, ".log"), [&](File& f) { f[dir.batch_size() + 70] ^= std::byte{1}; });
  check_broken(dir, dir.file(0, ".log"), "offset 10, position " + std::to_string(dir.batch_size()) + ": Record is corrupt (stored crc = ");
}

TEST_CASE("verify: offsets that go back in a segment", "[tools]") {
  const DataDir dir;
  // Base offset and epoch lie outside of the checksum.
  dir.change(dir.file(0, ".log"), [&](File& f) { store_be(f.data() + 2 * dir.batch_size(), std::int64_t{15}); });
  const auto done = dir.verify();
  CHECK_THAT(done.out, Contains(dir.file(0, ".log") + ": offset 15, position " + std::to_string(2 * dir.batch_size()) +
                                ": offsets go back: 20 or more is expected here"));
  CHECK(done.code == 1);
}

TEST_CASE("verify: offsets that go back from one segment to the next", "[tools]") {
  const DataDir dir;
  dir.change(dir.file(0, ".log"), [&](File& f) {
    auto more = storage::test::make_batch({.records = 5, .timestamp = storage::test::kNow + 100, .base_offset = 40, .leader_epoch = 2});
    f.insert(f.end(), more.begin(), more.end());
  });
  const auto done = dir.verify();
  CHECK_THAT(done.out, Contains(dir.file(40, ".log") + ": offset 40: offsets go back: the segment before it ends at offset 45"));
  CHECK(done.code == 1);
}

TEST_CASE("verify: a leader epoch that falls", "[tools]") {
  const DataDir dir;
  dir.change(dir.file(0, ".log"), [&](File& f) { store_be(f.data() + 3 * dir.batch_size() + 12, std::int32_t{1}); });
  const auto done = dir.verify();
  CHECK_THAT(done.out, Contains(": its leader epoch 1 is below the epoch 2 before it"));
  CHECK(done.code == 1);
}

TEST_CASE("verify: an offset index", "[tools]") {
  const DataDir dir;
  const auto file = dir.file(0, ".index");
  SECTION("out of order") {
    dir.change(file, [](File& f) { std::copy(f.begin(), f.begin() + 8, f.begin() + 16); });
    check_broken(dir, file, "offset 19, position 16: the entry is not above the one before it");
  }
  SECTION("a position inside a batch") {
    dir.change(file, [&](File& f) { store_be(f.data() + 4, static_cast<std::int32_t>(dir.batch_size() + 1)); });
    check_broken(dir, file, "offset 19, position 0: its position " + std::to_string(dir.batch_size() + 1) + " is not the start of a batch");
  }
  SECTION("another offset") {
    dir.change(file, [](File& f) { store_be(f.data(), std::int32_t{18}); });
    check_broken(dir, file, "offset 18, position 0: the batch at its position " + std::to_string(dir.batch_size()) + " ends at offset 19");
  }
  SECTION("a torn entry") {
    dir.change(file, [](File& f) { cut(f, 3); });
    check_broken(dir, file, "position 16: its size of 21 bytes is not a multiple of 8");
  }
  SECTION("zeros after a clean stop") {
    dir.change(file, [](File& f) { f.resize(80); });
    check_broken(dir, file, "position 24: 7 empty entries at the end of the index of a closed segment");
  }
  SECTION("missing") {
    std::filesystem::remove(file);
    check_broken(dir, file, "the index is missing");
  }
  SECTION("without its log") {
    std::filesystem::copy(file, dir.file(20, ".index"));
    check_broken(dir, dir.file(20, ".index"), "an index without its .log file");
  }
}

TEST_CASE("verify: an active segment after an unclean stop may lack indexes, or have room in them", "[tools]") {
  const DataDir dir;
  std::filesystem::remove(dir.root() + "/.kafka_cleanshutdown");
  std::filesystem::remove(dir.file(40, ".timeindex"));
  dir.change(dir.file(40, ".index"), [](File& f) { f.resize(10485760); });
  const auto done = dir.verify();
  INFO(done.out);
  CHECK(done.code == 0);
}

TEST_CASE("verify: a time index", "[tools]") {
  const DataDir dir;
  const auto file = dir.file(0, ".timeindex");
  SECTION("out of order") {
    dir.change(file, [](File& f) { store_be(f.data() + 12, std::int64_t{5}); });
    check_broken(dir, file, "offset 29, position 12: the entry is not above the one before it");
  }
  SECTION("another timestamp") {
    dir.change(file, [](File& f) { store_be(f.data(), storage::test::kNow); });
    check_broken(dir, file, "offset 19, position 0: its timestamp is 1700000000000, the largest one of the log up to there is 1700000000019");
  }
}

TEST_CASE("verify: a transaction index", "[tools]") {
  const DataDir dir;
  const auto file = dir.file(40, ".txnindex");
  File entry(34);
  store_be(entry.data() + 2, std::int64_t{7});
  store_be(entry.data() + 10, std::int64_t{50});
  store_be(entry.data() + 18, std::int64_t{60});
  store_be(entry.data() + 26, std::int64_t{61});
  SECTION("sound") {
    write_file(file, entry);
    CHECK(dir.verify().code == 0);
  }
  SECTION("of another version") {
    store_be(entry.data(), std::int16_t{3});
    write_file(file, entry);
    check_broken(dir, file, "offset 60, position 0: unknown version 3");
  }
  SECTION("beyond the end") {
    store_be(entry.data() + 18, std::int64_t{90});
    write_file(file, entry);
    check_broken(dir, file, "offset 90, position 0: 1 entries are beyond the end of the log at offset 80");
  }
}

TEST_CASE("verify: a producer snapshot", "[tools]") {
  const DataDir dir;
  const auto file = dir.file(80, ".snapshot");
  SECTION("a wrong checksum") {
    dir.change(file, [](File& f) { f.back() ^= std::byte{1}; });
    check_broken(dir, file, "offset 80: Snapshot is corrupt (CRC is no longer valid). Stored crc: ");
  }
  SECTION("another version") {
    dir.change(file, [](File& f) { f[1] = std::byte{2}; });
    check_broken(dir, file, "offset 80: Snapshot contained an unknown file version 2");
  }
  SECTION("cut") {
    dir.change(file, [](File& f) { cut(f, 1); });
    check_broken(dir, file, "offset 80: Snapshot failed schema validation");
  }
  SECTION("of the future") {
    std::filesystem::rename(file, dir.file(79, ".snapshot"));
    check_broken(dir, dir.file(79, ".snapshot"), "offset 79: producer 7 has offset 79, which is not below the snapshot's");
  }
}

TEST_CASE("verify: the small files", "[tools]") {
  const DataDir dir;
  const auto put = [](const std::string& path, const char* text) { std::ofstream(path) << text; };
  SECTION("leader epochs that are no checkpoint") {
    put(dir.partition() + "/leader-epoch-checkpoint", "0\n2\n2 0\n");
    check_broken(dir, dir.partition() + "/leader-epoch-checkpoint", "leader-epoch-checkpoint: entry 2 of 2");
  }
  SECTION("a leader epoch of the future") {
    put(dir.partition() + "/leader-epoch-checkpoint", "0\n1\n2 81\n");
    check_broken(dir, dir.partition() + "/leader-epoch-checkpoint", "offset 81: epoch 2 begins beyond the end of the log at offset 80");
  }
  SECTION("partition.metadata") {
    put(dir.partition() + "/partition.metadata", "version: 9\n");
    check_broken(dir, dir.partition() + "/partition.metadata", "");
  }
  SECTION("meta.properties") {
    put(dir.root() + "/meta.properties", "version=7\n");
    check_broken(dir, dir.root() + "/meta.properties", "");
  }
  SECTION("a checkpoint") {
    put(dir.root() + "/replication-offset-checkpoint", "0\n5\nt 0 1\n");
    check_broken(dir, dir.root() + "/replication-offset-checkpoint", "");
  }
  SECTION("a directory that is no partition's") {
    std::filesystem::create_directory(dir.root() + "/lost+found");
    check_broken(dir, dir.root() + "/lost+found", "the directory's name is not topic-partition");
  }
  SECTION("a segment with a strange name") {
    std::filesystem::copy(dir.file(0, ".log"), dir.partition() + "/7.log");
    check_broken(dir, dir.partition() + "/7.log", "its name is not an offset of 20 digits");
  }
}

TEST_CASE("verify: ten findings a file are shown, the rest is counted", "[tools]") {
  const DataDir dir;
  dir.change(dir.file(40, ".log"), [&](File& f) {
    for (int i = 0; i < 9; ++i) f.insert(f.end(), f.begin(), f.begin() + static_cast<std::ptrdiff_t>(dir.batch_size()));
    f.insert(f.end(), f.begin(), f.begin() + static_cast<std::ptrdiff_t>(3 * dir.batch_size()));
  });
  check_broken(dir, dir.file(40, ".log"), "and 2 more");
}

TEST_CASE("verify: a directory that is not there", "[tools]") {
  const auto done = run_tool({"--verify", "/nonexistent/data"});
  CHECK(done.code == 1);
  CHECK_THAT(done.err, Contains("/nonexistent/data"));
}

TEST_CASE("verify and dump: whatever the bytes are, both end by themselves", "[tools]") {
  const DataDir dir;
  write_file(dir.file(40, ".txnindex"), File(68, std::byte{1}));
  auto random = make_seeded_random(4711);
  std::vector<std::string> files;
  for (const auto& e : std::filesystem::directory_iterator(dir.partition())) files.push_back(e.path().string());
  std::sort(files.begin(), files.end());
  for (int turn = 0; turn < 400; ++turn) {
    const auto& file = files[random->next() % files.size()];
    const auto sound = read_file(file);
    auto bytes = sound;
    if (turn % 4 == 0) bytes.resize(random->next() % 3000);
    for (auto& b : bytes)
      if (turn % 4 == 0 || random->next() % 64 == 0) b = static_cast<std::byte>(random->next() & 0xFF);
    write_file(file, bytes);
    INFO("turn " << turn << ", " << file);
    const auto checked = dir.verify();
    CHECK((checked.code == 0 || checked.code == 1));
    const char* option = turn % 3 == 0 ? "--offsets-decoder" : turn % 3 == 1 ? "--transaction-log-decoder" : "--print-data-log";
    const auto dumped = run_tool({option, "--files", file});
    CHECK((dumped.code == 0 || dumped.code == 1));
    write_file(file, sound);
  }
}
