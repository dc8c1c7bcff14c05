// Drives a GroupShard by hand: fake time, answers by request, appends that complete when the test says so.
#pragma once

#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/log.h"
#include "protocol/base/random.h"
#include "server/coordinator/group/group_loader.h"
#include "server/coordinator/group/group_shard.h"

namespace moldau::server::test {

/// A consumer's subscription, version 0.
inline std::string subscription(const std::vector<std::string>& topics) {
  std::string s;
  const auto put = [&](auto v) {
    std::byte b[sizeof v];
    store_be(b, v);
    s.append(reinterpret_cast<const char*>(b), sizeof v);
  };
  put(std::int16_t{0});
  put(static_cast<std::int32_t>(topics.size()));
  for (const auto& t : topics) {
    put(static_cast<std::int16_t>(t.size()));
    s += t;
  }
  put(std::int32_t{-1});
  return s;
}

struct JoinArgs {
  std::string group = "g";
  std::string member;
  std::optional<std::string> instance;
  bool require_known = false;
  bool skip = false;
  std::int32_t session = 10'000;
  std::int32_t rebalance = 5'000;
  std::string type = "consumer";
  std::vector<GroupProtocol> protocols{{"range", subscription({"t"})}};
};

class ShardDriver {
 public:
  explicit ShardDriver(GroupConfig c = {}) : random(make_seeded_random(7)), shard(3, c, *random) { set_log_level(LogCategory::group, "off"); }

  // ---- requests ----
  RequestId join(const JoinArgs& a = {}) {
    JoinRequest r;
    r.group_id = a.group;
    r.member_id = a.member;
    r.group_instance_id = a.instance;
    r.require_known_member_id = a.require_known;
    r.supports_skipping_assignment = a.skip;
    r.client_id = "c";
    r.client_host = "/127.0.0.1";
    r.session_timeout_ms = a.session;
    r.rebalance_timeout_ms = a.rebalance;
    r.protocol_type = a.type;
    r.protocols = a.protocols;
    Effects fx;
    shard.join(++last_request, std::move(r), now, fx);
    take(fx);
    run_due();
    return last_request;
  }
  RequestId sync(const std::string& member, std::int32_t generation, std::vector<std::pair<std::string, std::string>> assignments = {},
                 std::optional<std::string> instance = std::nullopt) {
    SyncRequest r;
    r.group_id = "g";
    r.member_id = member;
    r.generation = generation;
    r.assignments = std::move(assignments);
    r.group_instance_id = std::move(instance);
    return sync(std::move(r));
  }
  RequestId sync(SyncRequest r) {
    Effects fx;
    shard.sync(++last_request, std::move(r), now, fx);
    take(fx);
    return last_request;
  }
  ErrorCode heartbeat(const std::string& member, std::int32_t generation, std::optional<std::string> instance = std::nullopt, const std::string& group = "g") {
    HeartbeatQuery q;
    q.group_id = group;
    q.member_id = member;
    q.generation = generation;
    if (instance) q.group_instance_id = *instance;
    return shard.heartbeat(q, now);
  }
  LeaveResult leave(const std::string& member, std::optional<std::string> instance = std::nullopt) {
    LeavingMember m;
    m.member_id = member;
    m.group_instance_id = std::move(instance);
    Effects fx;
    auto result = shard.leave("g", {m}, now, fx);
    take(fx);
    return result;
  }
  RequestId commit(std::vector<OffsetToCommit> offsets, const std::string& member = "", std::int32_t generation = -1,
                   std::optional<std::string> instance = std::nullopt, std::optional<ProducerRef> producer = std::nullopt, const std::string& group = "g") {
    CommitRequest r;
    r.group_id = group;
    r.member_id = member;
    r.generation = generation;
    r.group_instance_id = std::move(instance);
    r.offsets = std::move(offsets);
    r.producer = producer;
    Effects fx;
    shard.commit_offsets(++last_request, std::move(r), now, fx);
    take(fx);
    return last_request;
  }
  ErrorCode delete_group(const std::string& group = "g") {
    Effects fx;
    const auto error = shard.delete_group(++last_request, group, now, fx);
    take(fx);
    return error;
  }
  DeleteOffsetsResult delete_offsets(const std::vector<TopicPartitionView>& partitions) {
    Effects fx;
    bool waits = false;
    auto result = shard.delete_offsets(++last_request, "g", partitions, now, fx, waits);
    take(fx);
    return result;
  }
  FetchedOffset fetch(const std::string& topic, std::int32_t partition, bool stable = false, const std::string& group = "g") {
    const TopicPartitionView tp(topic, partition);
    return shard.fetch_offsets(group, std::span(&tp, 1), stable).offsets.at(0);
  }
  std::size_t expire() {
    Effects fx;
    const auto n = shard.expire("g", now, fx);
    take(fx);
    return n;
  }

  // ---- time and the log ----
  void advance(std::int64_t ms) {
    // From deadline to deadline, as the shell's timer does.
    const auto until = now.steady + Millis(ms);
    while (const auto next = shard.next_deadline()) {
      if (*next > until) break;
      if (*next > now.steady) move_to(*next);
      Effects fx;
      shard.on_tick(now.steady, now, fx);
      take(fx);
    }
    move_to(until);
  }
  void run_due() {
    Effects fx;
    shard.on_tick(now.steady, now, fx);
    take(fx);
  }
  /// Completes the oldest append.
  void append_done(ErrorCode error = ErrorCode::none) {
    REQUIRE(!appends.empty());
    const auto action = appends.front();
    appends.erase(appends.begin());
    Effects fx;
    const auto base = log_end;
    if (error == ErrorCode::none) log_end += static_cast<std::int64_t>(action.records.size());
    shard.on_appended(action.id, error, base, now, fx);
    take(fx);
  }
  void appends_done() {
    while (!appends.empty()) append_done();
  }

  // ---- answers ----
  [[nodiscard]] bool answered(RequestId id) const { return answers.contains(id); }
  const JoinResult& joined(RequestId id) const {
    REQUIRE(answered(id));
    return std::get<JoinResult>(answers.at(id));
  }
  const SyncResult& synced(RequestId id) const {
    REQUIRE(answered(id));
    return std::get<SyncResult>(answers.at(id));
  }
  ErrorCode committed(RequestId id, std::size_t i = 0) const {
    REQUIRE(answered(id));
    return std::get<CommitResult>(answers.at(id)).errors.at(i);
  }
  const GroupMetadata& group(const std::string& id = "g") const {
    const auto* g = shard.find(id);
    REQUIRE(g != nullptr);
    return *g;
  }
  GroupState state() const { return group().state(); }

  // ---- scenes ----
  /// A member in a stable group of its own; gives its id.
  std::string stable_member(JoinArgs args = {}) {
    const auto j = join(args);
    advance(3'000);
    const auto member = joined(j).member_id;
    const auto s = sync(member, joined(j).generation, {{member, "a"}}, args.instance);
    appends_done();
    REQUIRE(synced(s).error == ErrorCode::none);
    REQUIRE(state() == GroupState::stable);
    return member;
  }

  void take(Effects& fx) {
    for (auto& [id, answer] : fx.answers) {
      INFO("request " << id);
      REQUIRE(!answers.contains(id));  // answered once
      answers.emplace(id, std::move(answer));
    }
    for (auto& a : fx.appends) appends.push_back(std::move(a));
  }
  void move_to(SteadyTime to) {
    now.wall_ms += std::chrono::duration_cast<Millis>(to - now.steady).count();
    now.steady = to;
  }

  Now now{SteadyTime{}, 1'700'000'000'000};
  std::unique_ptr<Random> random;
  GroupShard shard;
  RequestId last_request = 0;
  std::map<RequestId, Answer> answers;
  std::vector<AppendAction> appends;
  std::int64_t log_end = 0;
};

inline OffsetToCommit offset_of(const std::string& topic, std::int32_t partition, std::int64_t offset, std::int64_t at = 1'700'000'000'000) {
  OffsetToCommit o;
  o.topic = topic;
  o.partition = partition;
  o.offset = offset;
  o.commit_timestamp_ms = at;
  return o;
}

}  // namespace moldau::server::test
