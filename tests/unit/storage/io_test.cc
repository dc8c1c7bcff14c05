#include "tests/unit/storage/storage_fixture.h"

#include "storage/checkpoint/metadata_files.h"
#include "storage/checkpoint/offset_checkpoint.h"

using namespace moldau;
using namespace moldau::storage;
using namespace moldau::storage::test;

TEST_CASE("Disk: files and directories, real and simulated alike", "[storage]") {
  TempDir temp;
  SimDisk sim(1);
  for (Disk* disk : {&posix_disk(), static_cast<Disk*>(&sim)}) {
    const auto root = temp.path() + "/x/y";
    CHECK_FALSE(disk->make_directory(root, false));
    REQUIRE(disk->make_directory(root, true));
    REQUIRE(disk->make_directory(root, false));
    CHECK(disk->open(root + "/none", OpenMode::read).error().code == ErrorCode::kafka_storage_error);
    CHECK(disk->open(root + "/none", OpenMode::read).error().message.find(root + "/none") != std::string::npos);
    CHECK_FALSE(disk->stat(root + "/none")->has_value());
    auto file = *disk->open(root + "/f", OpenMode::create);
    REQUIRE(file->write_at(5000, as_bytes("hello")));
    CHECK(*file->size() == 5005);
    std::byte buffer[8];
    CHECK(*file->read_at(4998, buffer) == 7);
    CHECK(as_string({buffer, 7}) == std::string_view("\0\0hello", 7));
    CHECK(*file->read_at(6000, buffer) == 0);
    REQUIRE(file->truncate(5002));
    REQUIRE(file->truncate(5005));
    CHECK(*file->read_at(5000, buffer) == 5);
    CHECK(as_string({buffer, 5}) == std::string_view("he\0\0\0", 5));
    REQUIRE(file->sync());
    REQUIRE(disk->set_mtime(root + "/f", 1'234'567'890'123));
    CHECK((*disk->stat(root + "/f"))->mtime_ms == 1'234'567'890'123);
    REQUIRE(write_atomically(*disk, root + "/g", "content"));
    REQUIRE(disk->rename(root + "/g", root + "/f"));
    CHECK(**read_whole(*disk, root + "/f") == "content");
    CHECK(*file->size() == 5005);
    CHECK(disk->list(root)->size() == 1);
    auto lock = disk->lock(root + "/.lock");
    REQUIRE(lock);
    REQUIRE(*lock != nullptr);
    CHECK(disk->lock(root + "/.lock").value() == nullptr);
    lock->reset();
    CHECK(disk->lock(root + "/.lock").value() != nullptr);
    CHECK_FALSE(disk->remove(root));
    REQUIRE(remove_tree(*disk, temp.path() + "/x"));
    CHECK_FALSE(disk->stat(root)->has_value());
    REQUIRE(disk->remove(root));
  }
}

TEST_CASE("SimDisk: a crash loses only what was not synced", "[storage][sim]") {
  bool lost_bytes = false, kept_bytes = false, lost_name = false, kept_name = false, torn = false;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SimDisk disk(seed);
    REQUIRE(disk.make_directory("/d", true));
    REQUIRE(disk.sync_directory("/"));
    auto file = *disk.open("/d/a", OpenMode::create);
    const std::vector<std::byte> old(4096, std::byte{1}), fresh(4096, std::byte{2});
    REQUIRE(file->write_at(0, old));
    REQUIRE(file->sync());
    REQUIRE(disk.sync_directory("/d"));
    REQUIRE(file->write_at(0, fresh));
    REQUIRE(disk.open("/d/b", OpenMode::create));
    disk.crash();
    CHECK_FALSE(file->write_at(0, old));
    auto again = *disk.open("/d/a", OpenMode::read);
    std::vector<std::byte> now(4096);
    REQUIRE(*again->read_at(0, now) == 4096);
    if (now == old) lost_bytes = true;
    if (now == fresh) kept_bytes = true;
    if (now != old && now != fresh) torn = true;
    (disk.stat("/d/b")->has_value() ? kept_name : lost_name) = true;
  }
  CHECK((lost_bytes && kept_bytes && torn && lost_name && kept_name));
}

TEST_CASE("Checkpoints: text, order, what is refused", "[storage]") {
  OffsetMap offsets;
  offsets[TopicPartition{"b", 10}] = Offset(7);
  offsets[TopicPartition{"b", 9}] = Offset(-1);
  offsets[TopicPartition{"a", 0}] = Offset(INT64_MAX);
  const auto text = format_offset_checkpoint(offsets);
  CHECK(text == "0\n3\na 0 9223372036854775807\nb 9 -1\nb 10 7\n");
  CHECK(*parse_offset_checkpoint(text, "x") == offsets);
  CHECK(parse_offset_checkpoint("", "x")->empty());
  CHECK(parse_offset_checkpoint("0\n1\nt 0 5", "x")->size() == 1);
  for (const char* bad : {"1\n0\n", "x", "0\n", "0\n2\na 0 1\n", "0\n0\na 0 1\n", "0\n1\na 0\n", "0\n1\na b 1\n", "0\n1\na 0 99999999999999999999\n"})
    CHECK_FALSE(parse_offset_checkpoint(bad, "x"));

  auto meta = parse_meta_properties("#\n#Mon\n broker.id = 5 \ncluster.id:abc\r\nversion=0", "m");
  REQUIRE(meta);
  CHECK(meta->broker_id == 5);
  CHECK(meta->cluster_id == "abc");
  CHECK(format_meta_properties(*meta, 0) == "#\n#Thu Jan 01 00:00:00 UTC 1970\nbroker.id=5\ncluster.id=abc\nversion=0\n");
  CHECK_FALSE(parse_meta_properties("broker.id=1\n", "m"));
  CHECK_FALSE(parse_meta_properties("version=0\nbroker.id=x\n", "m"));
  CHECK_FALSE(parse_meta_properties("version=2\n", "m"));

  const Uuid id{3, 4};
  CHECK(**parse_partition_metadata(format_partition_metadata(id), "p") == id);
  CHECK_FALSE(parse_partition_metadata("", "p")->has_value());
  CHECK_FALSE(parse_partition_metadata(std::string(43, '\0'), "p")->has_value());
  CHECK_FALSE(parse_partition_metadata("version: 1\ntopic_id: " + id.to_string(), "p"));
  for (std::size_t cut = 0; cut < 43; ++cut) CHECK_FALSE(parse_partition_metadata(format_partition_metadata(id).substr(0, cut), "p")->has_value());
}
