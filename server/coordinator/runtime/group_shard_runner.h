// GroupShardRunner: the shell around one GroupShard: its lock, its order of appends, its timer, its loading.
//
// Threads: any. `mutex_` guards the state machine and all else here; it is held for the time of one event, never across co_await.
// Invariants:
// 1. Appends go to the log one after the other in the order in which the state machine asked for them; waiting for replication overlaps.
// 2. An answer that depends on an append is given after that append is committed.
// 3. Events reach the state machine only while the partition is led and loaded; the others are refused with 16, 14 or 15.
#pragma once

#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "protocol/base/async.h"
#include "protocol/base/clock.h"
#include "server/coordinator/group/group_shard.h"
#include "server/coordinator/runtime/coordinator_log.h"
#include "server/coordinator/runtime/in_flight.h"
#include "server/coordinator/runtime/one_shot.h"

namespace moldau::server {

/// What all shards share. Outlives them.
struct GroupShardEnv {
  CoordinatorLog& log;
  Clock& clock;
  Random& random;
  Executor executor;   ///< Where timers and what they cause run.
  Executor blocking;   ///< Where loading runs.
  GroupConfig groups;
  std::uint8_t codec = 0;  ///< offsets.topic.compression.codec
  std::int32_t load_buffer_bytes = 5'242'880;
  InFlight in_flight;
};

class GroupShardRunner : public std::enable_shared_from_this<GroupShardRunner> {
 public:
  GroupShardRunner(std::int32_t partition, GroupShardEnv& env);
  GroupShardRunner(const GroupShardRunner&) = delete;
  GroupShardRunner& operator=(const GroupShardRunner&) = delete;
  ~GroupShardRunner();

  /// NONE when events are taken, else COORDINATOR_LOAD_IN_PROGRESS or NOT_COORDINATOR.
  [[nodiscard]] ErrorCode admission() const;
  [[nodiscard]] bool is_loading() const { return admission() == ErrorCode::coordinator_load_in_progress; }

  /// Runs `event(GroupShard&, RequestId, Now, Effects&)`, which asks for exactly one answer to the request, and waits for it.
  template <class Event>
  Awaitable<Result<Answer>> ask(Event event);
  /// Runs `event(GroupShard&, Now, Effects&)`; gives what it returns.
  template <class Event>
  auto tell(Event&& event) -> Result<decltype(event(std::declval<GroupShard&>(), Now{}, std::declval<Effects&>()))>;
  /// Runs `query(const GroupShard&)` under the lock.
  template <class Query>
  auto read(Query&& query) const -> Result<decltype(query(std::declval<const GroupShard&>()))>;

  // ---- leadership ----
  void on_elected(LeaderEpoch epoch);
  /// `epoch` none: the replica is deleted here.
  void on_resigned(std::optional<LeaderEpoch> epoch);
  void on_transaction_ended(ProducerId producer, bool committed);
  /// Runs what is due; done by the timer in a broker.
  void tick();
  /// Gives up leadership for good; waiting requests are answered with NOT_COORDINATOR.
  void stop();

 private:
  enum class State : std::uint8_t { not_owned, loading, active };
  using Waiting = std::shared_ptr<OneShot<Answer>>;
  /// What is to be done once the lock is gone.
  struct Outcome {
    std::vector<std::pair<Waiting, Answer>> answers;
    bool drain = false;
  };

  // Locks are taken in plain functions only: g++ 12 may keep one that a coroutine's body leaves by co_return.
  template <class Event>
  ErrorCode begin(Event& event, const Waiting& waiting, Outcome& out);
  [[nodiscard]] ErrorCode admission_locked() const noexcept;
  [[nodiscard]] Now now() const;
  void take_locked(Effects& fx, Outcome& out);
  void arm_timer_locked();
  void deliver(Outcome& out, const Executor& executor);
  void fail_queue_locked(Outcome& out);
  /// The next append in line; nothing: the line is empty, and the drain is to end.
  std::optional<AppendAction> next_append();
  Awaitable<void> drain();
  Awaitable<void> wait_committed(AppendId id, CoordinatorLog::Appended appended);
  void on_appended(AppendId id, ErrorCode error, Offset base_offset);
  void load(std::uint64_t load_id, LeaderEpoch epoch);

  const std::int32_t partition_;
  GroupShardEnv& env_;
  mutable std::mutex mutex_;
  GroupShard shard_;
  State state_ = State::not_owned;
  std::optional<LeaderEpoch> epoch_;
  std::uint64_t load_id_ = 0;  // an older load's outcome is dropped
  std::unordered_map<RequestId, Waiting> waiting_;
  RequestId next_request_ = 1;
  std::deque<AppendAction> queue_;
  bool draining_ = false;
  std::vector<std::pair<ProducerId, bool>> ended_while_loading_;
  boost::asio::steady_timer timer_;
  std::optional<SteadyTime> armed_for_;
};

// ---- templates ----

template <class Event>
Awaitable<Result<Answer>> GroupShardRunner::ask(Event event) {
  const auto executor = co_await boost::asio::this_coro::executor;
  auto waiting = std::make_shared<OneShot<Answer>>();
  Outcome out;
  const ErrorCode refused = begin(event, waiting, out);
  if (refused != ErrorCode::none) co_return Error(refused);
  deliver(out, executor);
  co_return co_await waiting->get();
}

template <class Event>
ErrorCode GroupShardRunner::begin(Event& event, const Waiting& waiting, Outcome& out) {
  const std::lock_guard lock(mutex_);
  if (const auto refused = admission_locked(); refused != ErrorCode::none) return refused;
  const RequestId request = next_request_++;
  waiting_.emplace(request, waiting);
  Effects fx;
  event(shard_, request, now(), fx);
  take_locked(fx, out);
  return ErrorCode::none;
}

template <class Event>
auto GroupShardRunner::tell(Event&& event) -> Result<decltype(event(std::declval<GroupShard&>(), Now{}, std::declval<Effects&>()))> {
  using R = decltype(event(std::declval<GroupShard&>(), Now{}, std::declval<Effects&>()));
  Outcome out;
  const auto run = [&]() -> Result<R> {
    const std::lock_guard lock(mutex_);
    if (const auto refused = admission_locked(); refused != ErrorCode::none) return Error(refused);
    Effects fx;
    if constexpr (std::is_void_v<R>) {
      event(shard_, now(), fx);
      take_locked(fx, out);
      return {};
    } else {
      auto result = event(shard_, now(), fx);
      take_locked(fx, out);
      return Result<R>(boost::system::in_place_value, std::move(result));
    }
  };
  auto result = run();
  deliver(out, env_.executor);
  return result;
}

template <class Query>
auto GroupShardRunner::read(Query&& query) const -> Result<decltype(query(std::declval<const GroupShard&>()))> {
  const std::lock_guard lock(mutex_);
  if (const auto refused = admission_locked(); refused != ErrorCode::none) return Error(refused);
  if constexpr (std::is_void_v<decltype(query(std::declval<const GroupShard&>()))>) {
    query(shard_);
    return {};
  } else {
    return Result<decltype(query(std::declval<const GroupShard&>()))>(boost::system::in_place_value, query(shard_));
  }
}

}  // namespace moldau::server
