// Offsets of groups: commits, reads, deletion, expiry; and the end of groups of which nothing is left.
#include <algorithm>

#include "protocol/base/log.h"
#include "protocol/base/log_text.h"
#include "server/coordinator/group/append_errors.h"
#include "server/coordinator/group/group_records.h"
#include "server/coordinator/group/group_shard.h"
#include "server/coordinator/group/java_text.h"

namespace moldau::server {

namespace {

/// Tombstones are written in batches well below any topic's limit.
constexpr std::size_t kTombstonesPerBatch = 2000;

}  // namespace

std::optional<ErrorCode> GroupShard::validate_commit(const GroupMetadata& g, const CommitRequest& req) const {
  if (req.generation < 0 && g.is(GroupState::empty)) return std::nullopt;  // an administrator, or a consumer that assigns itself
  if (req.generation >= 0 || !req.member_id.empty() || req.group_instance_id) {
    if (const auto error = validate_member(g, req.member_id, req.group_instance_id)) return error;
    if (req.generation != g.generation()) return ErrorCode::illegal_generation;
    return std::nullopt;
  }
  // Only members may commit while there are some. Older transactional clients name neither member nor generation.
  if (!req.producer && !g.is(GroupState::empty)) return ErrorCode::unknown_member_id;
  return std::nullopt;
}

void GroupShard::commit_offsets(RequestId request, CommitRequest req, Now now, Effects& fx) {
  CommitAppend commit;
  commit.request = request;
  commit.errors.assign(req.offsets.size(), ErrorCode::none);
  const auto refuse = [&](ErrorCode error) {
    std::fill(commit.errors.begin(), commit.errors.end(), error);
    fx.answers.emplace_back(request, CommitResult{std::move(commit.errors)});
  };

  auto* g = lookup(req.group_id);
  if (g == nullptr) {
    if (req.generation >= 0 && !req.producer) return refuse(ErrorCode::illegal_generation);
    g = &create(req.group_id, now);
  }
  if (const auto error = validate_commit(*g, req)) return refuse(*error);
  if (!req.producer && !g->is(GroupState::empty)) {
    if (g->is(GroupState::completing_rebalance)) return refuse(ErrorCode::rebalance_in_progress);
    if (auto* member = g->find(req.member_id)) schedule_session(*g, *member, member->session_timeout_ms, now);
  }

  // What is too large is refused alone; the rest goes on.
  const auto max_metadata = static_cast<std::size_t>(std::max(config_.offset_metadata_max_bytes, 0));
  std::vector<OffsetToCommit> accepted;
  accepted.reserve(req.offsets.size());
  std::vector<CoordinatorRecord> records;
  records.reserve(req.offsets.size());
  for (std::size_t i = 0; i < req.offsets.size(); ++i) {
    auto& o = req.offsets[i];
    if (o.metadata.size() > max_metadata && java_length(o.metadata) > max_metadata) {
      commit.errors[i] = ErrorCode::offset_metadata_too_large;
      continue;
    }
    records.push_back(CoordinatorRecord{offset_commit_key(req.group_id, o.topic, o.partition), offset_commit_value(o)});
    accepted.push_back(std::move(o));
  }
  if (accepted.empty()) {
    fx.answers.emplace_back(request, CommitResult{std::move(commit.errors)});
    return;
  }
  commit.commit = std::move(req);
  commit.commit.offsets = std::move(accepted);

  const auto producer = commit.commit.producer;
  const AppendId id = append(*g, std::move(records), true, std::move(commit), now, fx);
  const auto& offsets = std::get<CommitAppend>(appends_.at(id).what).commit.offsets;
  fx.appends.back().is_commit = true;
  if (producer) {
    fx.appends.back().producer = producer;
    g->offsets.prepare_transactional(producer->id, id, offsets);
    producer_groups_[producer->id].insert(g->id);
  } else {
    g->offsets.prepare(id, offsets);
  }
}

void GroupShard::on_commit_stored(GroupMetadata* g, AppendId append_id, CommitAppend& stored, ErrorCode error, std::int64_t base_offset, Effects& fx) {
  const auto& offsets = stored.commit.offsets;
  const auto& producer = stored.commit.producer;
  if (g != nullptr) {
    if (error == ErrorCode::none) {
      if (producer) {
        g->offsets.complete_transactional_append(producer->id, append_id, offsets, base_offset);
      } else {
        g->offsets.complete(append_id, offsets, base_offset);
      }
    } else if (producer) {
      g->offsets.fail_transactional(producer->id, append_id, offsets);
      if (!g->offsets.has_pending_from(producer->id)) {
        const auto groups = producer_groups_.find(producer->id);
        if (groups != producer_groups_.end() && groups->second.erase(g->id) > 0 && groups->second.empty()) producer_groups_.erase(groups);
      }
    } else {
      g->offsets.fail(append_id, offsets);
    }
  }
  const auto mapped = offset_commit_error(error);
  for (auto& e : stored.errors)
    if (e == ErrorCode::none) e = mapped;
  fx.answers.emplace_back(stored.request, CommitResult{std::move(stored.errors)});
}

void GroupShard::end_transaction(ProducerId producer, bool committed) {
  const auto groups = producer_groups_.find(producer);
  if (groups == producer_groups_.end()) return;
  for (const auto& id : groups->second)
    if (auto* g = lookup(id)) g->offsets.end_transaction(producer, committed);
  producer_groups_.erase(groups);
}

FetchOffsetsResult GroupShard::fetch_offsets(std::string_view group_id, std::optional<std::span<const TopicPartitionView>> partitions,
                                             bool require_stable) const {
  FetchOffsetsResult result;
  const auto* g = find(group_id);
  const auto add = [&](TopicPartitionView tp, const CommittedOffset* committed) {
    FetchedOffset one;
    one.topic = tp.topic;
    one.partition = tp.partition;
    if (g != nullptr && require_stable && g->offsets.has_pending(tp)) {
      one.error = ErrorCode::unstable_offset_commit;
    } else if (committed != nullptr) {
      one.offset = committed->offset;
      one.leader_epoch = committed->leader_epoch;
      one.metadata = committed->metadata;
    }
    result.offsets.push_back(std::move(one));
  };
  if (partitions) {
    result.offsets.reserve(partitions->size());
    for (const auto& tp : *partitions) add(tp, g == nullptr ? nullptr : g->offsets.find(tp));
  } else if (g != nullptr) {
    result.offsets.reserve(g->offsets.size());
    for (const auto& [topic, of_topic] : g->offsets.topics())
      for (const auto& [partition, committed] : of_topic) add(TopicPartitionView(topic, partition), &committed);
  }
  return result;
}

// ---- deletion ----

void GroupShard::clean_up(GroupMetadata& g, const std::vector<TopicPartition>& removed, std::optional<RequestId> request, Now now, Effects& fx) {
  const bool dies = g.is(GroupState::dead) || (g.is(GroupState::empty) && g.offsets.empty());
  std::vector<CoordinatorRecord> tombstones;
  tombstones.reserve(std::min(removed.size() + 1, kTombstonesPerBatch));
  const auto flush = [&](std::optional<RequestId> notify) {
    append(g, std::move(tombstones), false, TombstoneAppend{notify}, now, fx);
    tombstones.clear();
  };
  for (const auto& tp : removed) {
    if (tombstones.size() >= kTombstonesPerBatch) flush(std::nullopt);
    tombstones.push_back(CoordinatorRecord{offset_commit_key(g.id, tp.topic, tp.partition), std::nullopt});
  }
  // A group of generation 0 only kept offsets: it has no group record.
  if (dies && g.generation() > 0) tombstones.push_back(CoordinatorRecord{group_metadata_key(g.id), std::nullopt});
  if (!tombstones.empty()) {
    flush(request);
  } else if (request) {
    fx.answers.emplace_back(*request, DoneResult{});
  }
  if (dies) {
    MOLDAU_LOG(group, info, "group {}: dead in generation {}", log_text(g.id), g.generation());
    g.transition_to(GroupState::dead, now.wall_ms);
    for (auto at = producer_groups_.begin(); at != producer_groups_.end();) {
      at->second.erase(g.id);
      at = at->second.empty() ? producer_groups_.erase(at) : std::next(at);
    }
    groups_.erase(groups_.find(g.id));
  }
}

ErrorCode GroupShard::delete_group(RequestId request, std::string_view group_id, Now now, Effects& fx) {
  auto* g = lookup(group_id);
  if (g == nullptr) return ErrorCode::group_id_not_found;
  if (!g->is(GroupState::empty)) return ErrorCode::non_empty_group;
  g->transition_to(GroupState::dead, now.wall_ms);
  const auto removed = g->offsets.partitions();
  clean_up(*g, removed, request, now, fx);
  return ErrorCode::none;
}

DeleteOffsetsResult GroupShard::delete_offsets(RequestId request, std::string_view group_id, std::span<const TopicPartitionView> partitions, Now now,
                                               Effects& fx, bool& waits) {
  DeleteOffsetsResult result;
  waits = false;
  auto* g = lookup(group_id);
  if (g == nullptr) {
    result.group_error = ErrorCode::group_id_not_found;
    return result;
  }
  if (!g->is(GroupState::empty) && !g->is_consumer_group()) {
    result.group_error = ErrorCode::non_empty_group;
    return result;
  }
  const bool live = !g->is(GroupState::empty);
  std::vector<TopicPartition> removed;
  bool eligible = false;
  for (const auto& tp : partitions) {
    if (live && g->is_subscribed_to(tp.topic)) {
      result.errors.push_back(ErrorCode::group_subscribed_to_topic);
      continue;
    }
    eligible = true;
    if (g->offsets.remove(tp)) removed.push_back(TopicPartition{std::string(tp.topic), tp.partition});
    result.errors.push_back(ErrorCode::none);
  }
  if (eligible) {
    waits = true;
    clean_up(*g, removed, request, now, fx);
  }
  return result;
}

void GroupShard::on_partitions_deleted(std::string_view group_id, std::span<const TopicPartitionView> partitions, Now now, Effects& fx) {
  auto* g = lookup(group_id);
  if (g == nullptr) return;
  std::vector<TopicPartition> removed;
  for (const auto& tp : partitions)
    if (g->offsets.remove(tp)) removed.push_back(TopicPartition{std::string(tp.topic), tp.partition});
  clean_up(*g, removed, std::nullopt, now, fx);
}

std::size_t GroupShard::expire(std::string_view group_id, Now now, Effects& fx) {
  auto* g = lookup(group_id);
  if (g == nullptr) return 0;
  const auto removed = g->remove_expired_offsets(now.wall_ms, config_.offsets_retention_ms);
  clean_up(*g, removed, std::nullopt, now, fx);
  return removed.size();
}

}  // namespace moldau::server
