// Consumers of a simulation: one that reads everything and commits where it stands, without a group's membership, and the members of a classic group.
#include "protocol/messages/fetch.h"
#include "protocol/messages/find_coordinator.h"
#include "protocol/messages/heartbeat.h"
#include "protocol/messages/join_group.h"
#include "protocol/messages/offset_commit.h"
#include "protocol/messages/offset_fetch.h"
#include "protocol/messages/sync_group.h"
#include "protocol/records/record_batch.h"
#include "tests/sim/support/sim_actors.h"

namespace moldau::sim {
namespace {

constexpr std::string_view kReaders = "readers";
constexpr std::string_view kMembers = "members";
const TopicPartition kCounter{"a", 0};  ///< The partition under which the members' count is committed.

/// What a client answers by looking for the coordinator again.
bool is_passing(ErrorCode error) {
  switch (error) {
    case ErrorCode::coordinator_load_in_progress:
    case ErrorCode::coordinator_not_available:
    case ErrorCode::not_coordinator:
    case ErrorCode::request_timed_out:
    case ErrorCode::kafka_storage_error:
    case ErrorCode::unknown_topic_or_partition: return true;
    default: return false;
  }
}

/// What ends a membership, to be begun anew.
bool ends_membership(ErrorCode error) {
  return is_passing(error) || error == ErrorCode::unknown_member_id || error == ErrorCode::illegal_generation || error == ErrorCode::rebalance_in_progress;
}

std::string describe(const TopicPartition& tp, std::int64_t offset) { return to_string(tp) + " at " + std::to_string(offset); }

}  // namespace

Awaitable<bool> SimActors::find_coordinator(SimClient& client, std::string group) {
  protocol::FindCoordinatorRequest request;
  request.key = group;
  const auto answer = co_await client.call(request, 2);
  co_return answer && answer->value.error_code == ErrorCode::none;
}

Awaitable<void> SimActors::consume(SimClient& client) {
  if (!(co_await find_coordinator(client, std::string(kReaders)))) co_return;
  if (!(co_await check_commits(client))) co_return;
  while (!ending_) {
    auto chosen = model_.partitions.begin();
    if (chosen == model_.partitions.end()) {
      co_await pause(500);
      continue;
    }
    std::advance(chosen, static_cast<std::ptrdiff_t>(random_.below(model_.partitions.size())));
    const auto tp = chosen->first;
    if (!(co_await fetch(client, tp))) co_return;
    if (random_.below(3) == 0 && !(co_await commit(client, tp))) co_return;
    co_await pause(40);
  }
}

Awaitable<bool> SimActors::check_commits(SimClient& client) {
  Arena arena;
  protocol::OffsetFetchRequest request;
  request.group_id = kReaders;
  request.topics.reset();
  const auto answer = co_await client.call(request, 5);
  if (!answer) co_return false;
  if (is_passing(answer->value.error_code)) co_return false;
  expect(answer->value.error_code == ErrorCode::none, "OffsetFetch: " + std::string(to_string(answer->value.error_code)));
  std::map<TopicPartition, std::int64_t> committed;
  for (const auto& topic : answer->value.topics)
    for (const auto& partition : topic.partitions) committed[{std::string(topic.name), partition.partition_index}] = partition.committed_offset.value();
  for (const auto& [tp, known] : model_.partitions) {
    const auto it = committed.find(tp);
    const auto offset = it == committed.end() ? -1 : it->second;
    expect(offset <= known.commit_sent, "committed offset of " + describe(tp, offset) + ", but " + std::to_string(known.commit_sent) + " was the last one sent");
    if (model_.loss == Loss::nothing_acknowledged)
      expect(offset >= std::min(known.commit_acknowledged, known.commit_in_doubt), "committed offset of " + describe(tp, offset) + " went back from " + std::to_string(known.commit_acknowledged));
  }
  co_return true;
}

Awaitable<bool> SimActors::fetch(SimClient& client, TopicPartition tp) {
  auto& known = model_.partitions[tp];
  Arena arena;
  protocol::FetchRequest request;
  request.max_wait_ms = static_cast<std::int32_t>(random_.below(200));
  request.min_bytes = 1;
  request.session_epoch = -1;
  request.isolation_level = static_cast<std::int8_t>(random_.below(2));
  auto& topic = request.topics.add(arena);
  topic.topic = tp.topic;
  auto& asked = topic.partitions.add(arena);
  asked.partition = tp.partition;
  asked.fetch_offset = Offset(known.read_position);
  asked.partition_max_bytes = static_cast<std::int32_t>(100 + random_.below(20'000));
  const auto answer = co_await client.call(request, 11);
  if (!answer) co_return false;
  const auto& got = answer->value.responses[0].partitions[0];
  if (got.error_code == ErrorCode::offset_out_of_range && model_.loss == Loss::unsynced) {
    known.read_position = 0;
    co_return true;
  }
  if (got.error_code == ErrorCode::unknown_topic_or_partition || got.error_code == ErrorCode::not_leader_or_follower || got.error_code == ErrorCode::kafka_storage_error ||
      got.error_code == ErrorCode::offset_not_available || got.error_code == ErrorCode::leader_not_available)
    co_return false;
  expect(got.error_code == ErrorCode::none, "fetch of " + describe(tp, known.read_position) + ": " + std::string(to_string(got.error_code)));
  expect(got.last_stable_offset <= got.high_watermark, "the last stable offset of " + to_string(tp) + " is beyond the high watermark");
  const Bytes bytes = got.records.bytes;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto batch = protocol::RecordBatchView::open(bytes.subspan(at));
    if (!batch) break;  // cut by the limit of bytes
    expect(batch->is_valid(), "a batch of " + describe(tp, batch->base_offset().value()) + " is damaged");
    expect(batch->next_offset() <= got.high_watermark, "a consumer sees " + describe(tp, batch->last_offset().value()) + ", beyond the high watermark");
    auto cursor = batch->records();
    protocol::RecordView record;
    while (cursor.next(record)) {
      if (record.offset.value() < known.read_position) continue;
      expect(record.offset.value() == known.read_position, "a gap before " + describe(tp, record.offset.value()));
      known.learn(known.read_position++, std::string(as_string(*record.value)), "a fetch");
      ++model_.read;
    }
    at += batch->size_in_bytes();
  }
  co_return true;
}

Awaitable<bool> SimActors::commit(SimClient& client, TopicPartition tp) {
  auto& known = model_.partitions[tp];
  const auto offset = known.read_position;
  if (offset < known.commit_sent) co_return true;
  Arena arena;
  protocol::OffsetCommitRequest request;
  request.group_id = kReaders;
  auto& topic = request.topics.add(arena);
  topic.name = tp.topic;
  auto& partition = topic.partitions.add(arena);
  partition.partition_index = tp.partition;
  partition.committed_offset = Offset(offset);
  known.commit_sent = offset;
  const auto answer = co_await client.call(request, 7);
  if (!answer) {
    known.commit_in_doubt = std::min(known.commit_in_doubt, offset);
    co_return false;
  }
  const auto error = answer->value.topics[0].partitions[0].error_code;
  if (is_passing(error)) co_return false;
  expect(error == ErrorCode::none, "OffsetCommit: " + std::string(to_string(error)));
  known.commit_acknowledged = offset;
  ++model_.commits;
  co_return true;
}

// ---- members ----

Awaitable<void> SimActors::be_member(SimClient& client) {
  if (!(co_await find_coordinator(client, std::string(kMembers)))) co_return;
  std::string member;
  std::int32_t generation = -1;
  while (!ending_) {
    if (!(co_await join(client, member, generation))) co_return;
    for (auto beats = 1 + random_.below(10); beats > 0; --beats) {
      co_await pause(2'000);
      protocol::HeartbeatRequest beat;
      beat.group_id = kMembers;
      beat.generation_id = generation;
      beat.member_id = member;
      const auto answer = co_await client.call(beat, 2);
      if (!answer) co_return;
      const auto error = answer->value.error_code;
      if (error == ErrorCode::rebalance_in_progress) break;
      if (ends_membership(error)) co_return;
      expect(error == ErrorCode::none, "Heartbeat: " + std::string(to_string(error)));
      if (!(co_await commit_as_member(client, member, generation))) co_return;
    }
  }
}

Awaitable<bool> SimActors::join(SimClient& client, std::string& member, std::int32_t& generation) {
  Arena arena;
  protocol::JoinGroupRequest request;
  request.group_id = kMembers;
  request.session_timeout_ms = 6'000;
  request.rebalance_timeout_ms = 6'000;
  request.protocol_type = "consumer";
  auto& protocol = request.protocols.add(arena);
  protocol.name = "range";
  protocol.metadata = as_bytes("subscription");
  request.member_id = member;
  auto joined = co_await client.call(request, 5);
  if (joined && joined->value.error_code == ErrorCode::member_id_required) {
    member = joined->value.member_id;
    request.member_id = member;
    joined = co_await client.call(request, 5);
  }
  if (!joined || ends_membership(joined->value.error_code)) co_return false;
  expect(joined->value.error_code == ErrorCode::none, "JoinGroup: " + std::string(to_string(joined->value.error_code)));
  generation = joined->value.generation_id;
  if (model_.loss == Loss::nothing_acknowledged)
    expect(generation >= model_.group.generation, "generation " + std::to_string(generation) + " comes after " + std::to_string(model_.group.generation));
  protocol::SyncGroupRequest sync;
  sync.group_id = kMembers;
  sync.generation_id = generation;
  sync.member_id = member;
  for (const auto& other : joined->value.members) {
    auto& assignment = sync.assignments.add(arena);
    assignment.member_id = other.member_id;
    assignment.assignment = as_bytes(other.member_id);
  }
  const auto synced = co_await client.call(sync, 3);
  if (!synced || ends_membership(synced->value.error_code)) co_return synced && synced->value.error_code == ErrorCode::rebalance_in_progress;
  expect(synced->value.error_code == ErrorCode::none, "SyncGroup: " + std::string(to_string(synced->value.error_code)));
  expect(as_string(synced->value.assignment) == member, "a member got another one's assignment");
  model_.group.generation = std::max(model_.group.generation, generation);
  ++model_.generations;
  co_return true;
}

Awaitable<bool> SimActors::commit_as_member(SimClient& client, std::string member, std::int32_t generation) {
  Arena arena;
  protocol::OffsetFetchRequest fetch;
  fetch.group_id = kMembers;
  fetch.topics.reset();
  const auto there = co_await client.call(fetch, 5);
  if (!there || is_passing(there->value.error_code)) co_return false;
  expect(there->value.error_code == ErrorCode::none, "OffsetFetch: " + std::string(to_string(there->value.error_code)));
  std::int64_t offset = -1;
  for (const auto& topic : there->value.topics)
    for (const auto& partition : topic.partitions) offset = partition.committed_offset.value();
  expect(offset <= model_.group.commit_sent, "the group's committed offset is " + std::to_string(offset) + ", which nobody sent");

  const auto mine = ++model_.group.commit_sent;
  protocol::OffsetCommitRequest request;
  request.group_id = kMembers;
  request.generation_id_or_member_epoch = generation;
  request.member_id = member;
  auto& topic = request.topics.add(arena);
  topic.name = kCounter.topic;
  auto& partition = topic.partitions.add(arena);
  partition.partition_index = kCounter.partition;
  partition.committed_offset = Offset(mine);
  const auto answer = co_await client.call(request, 7);
  if (!answer) co_return false;
  const auto error = answer->value.topics[0].partitions[0].error_code;
  if (ends_membership(error)) co_return error == ErrorCode::rebalance_in_progress;
  expect(error == ErrorCode::none, "OffsetCommit of a member: " + std::string(to_string(error)));
  ++model_.commits;
  co_return true;
}

}  // namespace moldau::sim
