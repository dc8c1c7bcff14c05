// Loading from a segment that Apache Kafka wrote (golden/make_golden.py), and our records against its bytes.
#include <filesystem>
#include <fstream>

#include "protocol/base/arena.h"
#include "protocol/base/byte_buffer.h"
#include "protocol/messages/group_records.h"
#include "protocol/records/any_batch.h"
#include "protocol/records/record_batch_builder.h"
#include "protocol/wire/writer.h"
#include "server/coordinator/group/append_batch.h"
#include "server/coordinator/group/group_records.h"
#include "tests/unit/server/coordinator/group/shard_driver.h"

namespace moldau::server::test {
namespace {

std::filesystem::path golden(const std::string& name) {
  namespace fs = std::filesystem;
  const auto file = fs::path("tests/unit/server/coordinator/golden") / name;
  for (auto dir = fs::read_symlink("/proc/self/exe").parent_path(); dir != dir.root_path(); dir = dir.parent_path())
    if (fs::exists(dir / file)) return dir / file;
  return file;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE(in);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::map<std::string, std::string> facts() {
  std::ifstream in(golden("consumer_offsets.facts"));
  std::map<std::string, std::string> all;
  std::string key;
  std::string value;
  while (in >> key >> value) all[key] = value;
  REQUIRE(all.size() >= 6);
  return all;
}

struct Loaded : ShardDriver {
  explicit Loaded(const std::string& bytes) {
    GroupLoader loader(0);
    next = loader.feed(as_bytes(bytes));
    Effects fx;
    shard.install(loader.finish(), now, fx);
    take(fx);
  }
  std::optional<Offset> next;
};

TEST_CASE("Loading: a partition that Apache Kafka wrote", "[group]") {
  const auto f = facts();
  Loaded d(read_file(golden("consumer_offsets.log")));
  REQUIRE(d.next);
  CHECK(d.next->value() > 15);
  CHECK(d.appends.empty());

  SECTION("offsets of a simple consumer") {
    const auto& g = d.group("simple");
    CHECK(g.state() == GroupState::empty);
    CHECK(!g.protocol_type());
    CHECK(d.fetch("t", 0, false, "simple").offset == 50);
    CHECK(d.fetch("t", 0, false, "simple").leader_epoch == 1);
    CHECK(d.fetch("t", 0, false, "simple").metadata == "again");
    CHECK(d.fetch("t", 1, false, "simple").metadata == "metadata \xc3\xa9");
    CHECK(d.fetch("t", 1, false, "simple").leader_epoch == -1);
    CHECK(d.fetch("u", 0, false, "simple").offset == 7);
    CHECK(g.offsets.size() == 3);
  }
  SECTION("an offset with a retention") {
    const auto* o = d.group("retained").offsets.find({"t", 0});
    REQUIRE(o != nullptr);
    CHECK(o->offset == 11);
    REQUIRE(o->expire_timestamp_ms);
    CHECK(*o->expire_timestamp_ms - o->commit_timestamp_ms == 3'600'000);
  }
  SECTION("a group with its members") {
    const auto& g = d.group("classic");
    CHECK(g.state() == GroupState::stable);
    CHECK(g.generation() == 1);
    CHECK(g.protocol_type() == "consumer");
    CHECK(g.protocol_name() == "range");
    CHECK(g.leader() == f.at("leader"));
    REQUIRE(g.size() == 2);
    const auto* a = g.find(f.at("dynamic"));
    REQUIRE(a != nullptr);
    CHECK(a->client_id == "client-a");
    CHECK(a->client_host == "/127.0.0.1");
    CHECK(a->session_timeout_ms == 7'000);
    CHECK(a->rebalance_timeout_ms == 8'000);
    CHECK(a->assignment == "assignment-a");
    const auto* b = g.find(f.at("static"));
    REQUIRE(b != nullptr);
    CHECK(b->instance_id == "static-1");
    CHECK(g.subscribed_topics() == std::set<std::string, std::less<>>{"t", "u"});
    CHECK(d.fetch("t", 1, false, "classic").offset == 101);
    // Its members go on, or time out.
    CHECK(d.heartbeat(f.at("dynamic"), 1, std::nullopt, "classic") == ErrorCode::none);
    CHECK(d.heartbeat(f.at("static"), 1, "static-1", "classic") == ErrorCode::none);
    d.advance(60'000);
    CHECK(d.group("classic").state() == GroupState::empty);
  }
  SECTION("deleted, emptied, partly deleted") {
    CHECK(d.shard.find("gone") == nullptr);
    CHECK(d.group("empty").state() == GroupState::empty);
    CHECK(d.group("empty").generation() == 2);
    CHECK(d.group("empty").protocol_type() == "consumer");
    CHECK(d.fetch("t", 1, false, "empty").metadata == "kept");
    CHECK(d.fetch("t", 0, false, "partial").offset == -1);
    CHECK(d.fetch("t", 1, false, "partial").offset == 2);
  }
  SECTION("transactions: committed, aborted, open") {
    CHECK(d.fetch("t", 0, true, "txn").offset == 1000);
    CHECK(d.fetch("t", 1, false, "txn").offset == -1);
    CHECK(d.fetch("t", 1, true, "txn").error == ErrorCode::unstable_offset_commit);
    d.shard.end_transaction(ProducerId(std::stoll(f.at("producer_open"))), true);
    CHECK(d.fetch("t", 1, true, "txn").offset == 1001);
  }
}

TEST_CASE("Records: the same bytes as Apache Kafka's", "[group]") {
  const auto bytes = read_file(golden("consumer_offsets.log"));
  int offsets = 0;
  int groups = 0;
  protocol::BatchCursor cursor(as_bytes(bytes));
  while (const auto batch = cursor.next()) {
    if (batch->is_control_batch()) continue;
    auto records = protocol::DeepRecords::open(*batch);
    REQUIRE(records.has_value());
    protocol::RecordView record;
    while (records->next(record)) {
      REQUIRE(record.key);
      const auto key = read_key(*record.key);
      if (const auto* o = std::get_if<OffsetKey>(&key)) {
        CHECK(offset_commit_key(o->group, o->topic, o->partition) == as_string(*record.key));
        if (!record.value) continue;
        const auto value = read_offset_value(*record.value);
        REQUIRE(value);
        OffsetToCommit again;
        again.offset = value->offset;
        again.leader_epoch = value->leader_epoch;
        again.metadata = value->metadata;
        again.commit_timestamp_ms = value->commit_timestamp_ms;
        again.expire_timestamp_ms = value->expire_timestamp_ms;
        CHECK(offset_commit_value(again) == as_string(*record.value));
        ++offsets;
      } else {
        const auto* g = std::get_if<GroupKey>(&key);
        REQUIRE(g != nullptr);
        CHECK(group_metadata_key(g->group) == as_string(*record.key));
        if (!record.value) continue;
        auto stored = read_group_value(*record.value);
        REQUIRE(stored);
        GroupMetadata again(std::string(g->group), 1, 0);
        again.restore(GroupState::stable, stored->generation, stored->protocol_type, stored->protocol, stored->leader, stored->state_timestamp_ms);
        std::map<std::string, std::string, std::less<>> assignments;
        for (auto& m : stored->members) {
          assignments[m.id] = m.assignment;
          again.add(m, std::nullopt);
        }
        CHECK(group_metadata_value(again, assignments) == as_string(*record.value));
        ++groups;
      }
    }
  }
  CHECK(!cursor.error());
  CHECK(offsets >= 12);
  CHECK(groups >= 4);
}

TEST_CASE("Batches: the same bytes as Apache Kafka's", "[group]") {
  const auto bytes = read_file(golden("consumer_offsets.log"));
  int batches = 0;
  protocol::BatchCursor cursor(as_bytes(bytes));
  while (const auto batch = cursor.next()) {
    if (batch->is_control_batch()) continue;
    const auto theirs = batch->v2();
    AppendAction action;
    action.timestamp_ms = theirs.base_timestamp();
    if (theirs.is_transactional()) action.producer = ProducerRef{theirs.producer_id(), theirs.producer_epoch()};
    auto records = protocol::DeepRecords::open(*batch);
    REQUIRE(records.has_value());
    protocol::RecordView record;
    while (records->next(record)) {
      CoordinatorRecord r;
      r.key = as_string(*record.key);
      if (record.value) r.value = as_string(*record.value);
      action.is_commit = record.value && std::holds_alternative<OffsetKey>(read_key(*record.key));
      action.records.push_back(std::move(r));
    }
    auto ours = build_append_batch(action, 0);
    REQUIRE(ours.has_value());
    const MutableBytes made(ours->data(), ours->size());
    protocol::batch_header::set_base_offset(made, theirs.base_offset());
    protocol::batch_header::set_partition_leader_epoch(made, theirs.partition_leader_epoch());
    INFO("batch at " << theirs.base_offset().value());
    CHECK(as_string(ours->bytes()) == as_string(theirs.bytes()));
    ++batches;
  }
  CHECK(batches >= 15);
}

TEST_CASE("Loading: what can't be understood is skipped and never stops it", "[group]") {
  const auto batch = [](std::int64_t base, std::vector<std::pair<std::optional<std::string>, std::optional<std::string>>> records) {
    protocol::RecordBatchOptions options;
    options.base_offset = Offset(base);
    protocol::RecordBatchBuilder b(options);
    for (const auto& [key, value] : records) {
      std::optional<Bytes> k;
      std::optional<Bytes> v;
      if (key) k = as_bytes(*key);
      if (value) v = as_bytes(*value);
      b.append(1, k, v);
    }
    auto built = b.build();
    REQUIRE(built.has_value());
    return std::string(as_string(built->bytes()));
  };
  const auto good = [](std::int64_t offset) { return offset_commit_value(offset_of("t", 0, offset)); };
  using namespace std::string_literals;
  std::string log = batch(0, {{offset_commit_key("g", "t", 0), good(1)}});
  log += batch(1, {{std::nullopt, "x"},                                     // no key
                   {"\x00"s, "x"},                                          // key too short
                   {"\x00\x01\x00\x05"s, "x"},                              // key ends early
                   {"\x00\x03\x00\x01g"s, "\x00\x00"s},                     // KIP-848
                   {"\x7f\xff"s, std::nullopt},                             // a version of the future
                   {offset_commit_key("g", "t", 1), "\x00\x09\x00"s},       // a value of the future
                   {offset_commit_key("g", "t", 1), "\x00\x03\x00"s},       // a value that ends early
                   {group_metadata_key("g"), "\x00\x03\xff\xff\xff\xff"s},  // a group that ends early
                   {offset_commit_key("g", "t", 2), good(3)}});
  auto broken = batch(10, {{offset_commit_key("g", "t", 3), good(4)}});
  broken[70] = static_cast<char>(0xff);  // inside the record
  log += broken;
  log += batch(11, {{offset_commit_key("g", "t", 0), good(5)}});
  const auto whole = log.size();
  log += batch(12, {{offset_commit_key("g", "t", 0), good(6)}}).substr(0, 40);  // torn

  Loaded d(log);
  REQUIRE(d.next);
  CHECK(d.next->value() == 12);
  CHECK(d.fetch("t", 0).offset == 5);
  CHECK(d.fetch("t", 1).offset == -1);
  CHECK(d.fetch("t", 2).offset == 3);
  CHECK(whole < log.size());

  SECTION("whatever the bytes") {
    auto random = make_seeded_random(3);
    for (int i = 0; i < 2'000; ++i) {
      auto noisy = log;
      for (std::uint64_t n = random->below(8) + 1; n > 0; --n) noisy[random->below(noisy.size())] = static_cast<char>(random->next());
      GroupLoader loader(0);
      loader.feed(as_bytes(noisy));
      ShardDriver e;
      Effects fx;
      e.shard.install(loader.finish(), e.now, fx);
    }
  }
}

TEST_CASE("Loading: a million offsets", "[.bench]") {
  std::string log;
  std::int64_t base = 0;
  for (int b = 0; b < 100'000; ++b) {
    AppendAction action;
    action.timestamp_ms = 1'700'000'000'000;
    for (int r = 0; r < 10; ++r) {
      CoordinatorRecord record;
      record.key = offset_commit_key("group-" + std::to_string(b % 10'000), "topic-" + std::to_string(b / 10'000), r);
      record.value = offset_commit_value(offset_of("", 0, b));
      action.records.push_back(std::move(record));
    }
    auto built = build_append_batch(action, 0);
    REQUIRE(built.has_value());
    protocol::batch_header::set_base_offset(MutableBytes(built->data(), built->size()), Offset(base));
    base += 10;
    log += as_string(built->bytes());
  }
  const auto start = std::chrono::steady_clock::now();
  GroupLoader loader(0);
  loader.feed(as_bytes(log));
  ShardDriver d;
  Effects fx;
  d.shard.install(loader.finish(), d.now, fx);
  const auto ms = std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - start).count();
  CHECK(d.shard.offset_count() == 1'000'000);
  WARN("1,000,000 offsets, " << log.size() / 1048576 << " MiB: " << ms << " ms");
}

TEST_CASE("Loading: values of each version that Apache Kafka 3.9 reads", "[group]") {
  const auto versioned = [](const auto& message, std::int16_t version) {
    protocol::ByteBuffer bytes;
    protocol::Writer w(bytes);
    w.write(version);
    message.encode(w, version);
    return std::string(as_string(bytes.bytes()));
  };
  for (std::int16_t version = 0; version <= 4; ++version) {
    INFO("version " << version);
    protocol::OffsetCommitValue offset;
    offset.offset = Offset(42);
    offset.metadata = "m";
    offset.commit_timestamp = 7;
    if (version == 1) offset.expire_timestamp = 99;
    if (version >= 3) offset.leader_epoch = LeaderEpoch(5);
    const auto committed = read_offset_value(as_bytes(versioned(offset, version)));
    REQUIRE(committed);
    CHECK(committed->offset == 42);
    CHECK(committed->metadata == "m");
    CHECK(committed->commit_timestamp_ms == 7);
    CHECK(committed->leader_epoch == (version >= 3 ? 5 : -1));
    CHECK(committed->expire_timestamp_ms == (version == 1 ? std::optional<std::int64_t>(99) : std::nullopt));

    Arena arena;
    protocol::GroupMetadataValue group;
    group.protocol_type = "consumer";
    group.generation = 3;
    group.protocol = "range";
    group.leader = "one";
    if (version >= 2) group.current_state_timestamp = 8;
    group.members.reserve(arena, 1);
    auto& member = group.members.add(arena);
    member.member_id = "one";
    if (version >= 3) member.group_instance_id = "i";
    member.client_id = "c";
    member.client_host = "/h";
    if (version >= 1) member.rebalance_timeout = 2'000;
    member.session_timeout = 1'000;
    member.subscription = as_bytes("s");
    member.assignment = as_bytes("a");
    const auto stored = read_group_value(as_bytes(versioned(group, version)));
    REQUIRE(stored);
    CHECK(stored->generation == 3);
    CHECK(stored->protocol_type == "consumer");
    CHECK(stored->protocol == "range");
    CHECK(stored->leader == "one");
    CHECK(stored->state_timestamp_ms == (version >= 2 ? std::optional<std::int64_t>(8) : std::nullopt));
    REQUIRE(stored->members.size() == 1);
    const auto& m = stored->members[0];
    CHECK(m.id == "one");
    CHECK(m.instance_id == (version >= 3 ? std::optional<std::string>("i") : std::nullopt));
    CHECK(m.rebalance_timeout_ms == (version >= 1 ? 2'000 : 1'000));
    CHECK(m.session_timeout_ms == 1'000);
    CHECK(m.metadata("range") == "s");
    CHECK(m.assignment == "a");
  }
  CHECK(!read_offset_value(as_bytes(versioned(protocol::OffsetCommitValue(), 3).replace(1, 1, "\x05"))));
  CHECK(!read_group_value(as_bytes(versioned(protocol::GroupMetadataValue(), 3).replace(1, 1, "\x05"))));
}

TEST_CASE("Loading: old record versions", "[group]") {
  using namespace std::string_literals;
  // Key v0; value v0: offset, metadata, timestamp.
  const auto value = read_offset_value(as_bytes("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x2a\x00\x01m\x00\x00\x00\x00\x00\x00\x00\x07"s));
  REQUIRE(value);
  CHECK(value->offset == 42);
  CHECK(value->leader_epoch == -1);
  CHECK(value->commit_timestamp_ms == 7);
  CHECK(!value->expire_timestamp_ms);
  // Group value v0: no rebalance timeout, no state timestamp.
  const auto group = read_group_value(as_bytes("\x00\x00\x00\x08""consumer\x00\x00\x00\x02\x00\x05range\x00\x01m\x00\x00\x00\x01"
                                               "\x00\x01m\x00\x01""c\x00\x01h\x00\x00\x27\x10\x00\x00\x00\x01s\x00\x00\x00\x01""a"s));
  REQUIRE(group);
  CHECK(!group->state_timestamp_ms);
  REQUIRE(group->members.size() == 1);
  CHECK(group->members[0].rebalance_timeout_ms == 10'000);
  CHECK(group->members[0].session_timeout_ms == 10'000);
}

}  // namespace
}  // namespace moldau::server::test
