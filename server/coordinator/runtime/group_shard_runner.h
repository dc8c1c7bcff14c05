// GroupShardRunner: the shell around one GroupShard: its lock, its order of appends, its timer, its loading.
//
// Threads: any. `mutex_` guards the state machine and all else here; it is held for the time of one event, never across co_await.
// Invariants:
// 1. Appends go to the log one after the other in the order in which the state machine asked for them; waiting for replication overlaps.
// 2. An answer that depends on an append is given after that append is committed.
// 3. Events reach the state machine only while the partition is led and loaded; the others are refused with 16, 14 or 15.
// 4. A partition that is led is loaded, or a load is under way: one that fails is tried again until it succeeds or leadership goes.
// 5. A deadline fires after the requests that came before it were heard (hearing.h): best effort, an I/O thread that is held up for long is not waited for.
// 6. DIFFERS: at most kMaxQueuedAppends wait in `queue_` (metric group_append_queue) when a request is taken: more are refused with COORDINATOR_NOT_AVAILABLE, which
//    clients try again; Apache Kafka has no bound. What deadlines and answers decide is taken in any case; it is bounded by the groups.
#pragma once

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
#include "protocol/base/log.h"
#include "protocol/base/one_shot.h"
#include "protocol/base/task_group.h"
#include "protocol/base/timer.h"
#include "server/coordinator/group/group_shard.h"
#include "server/coordinator/runtime/coordinator_log.h"

namespace moldau {
class Event;
}

namespace moldau::server {

class GroupLoader;

/// What all shards share. Outlives them.
struct GroupShardEnv {
  CoordinatorLog& log;
  Clock& clock;
  Random& random;
  std::vector<Executor> threads;  ///< The I/O threads; a shard's timer and what it causes run on one of them.
  Executor background;            ///< Loading: blocking work, one thing at a time.
  GroupConfig groups;
  std::uint8_t codec = 0;  ///< offsets.topic.compression.codec
  std::int32_t load_buffer_bytes = 5'242'880;
  TaskGroup tasks{"group coordinator", LogCategory::group};  ///< Appends, waits for replicas, deadlines, loading, expiry.
};

class GroupShardRunner : public std::enable_shared_from_this<GroupShardRunner> {
 public:
  static constexpr std::size_t kMaxQueuedAppends = 16'384;

  GroupShardRunner(std::int32_t partition, GroupShardEnv& env);
  GroupShardRunner(const GroupShardRunner&) = delete;
  GroupShardRunner& operator=(const GroupShardRunner&) = delete;
  ~GroupShardRunner();

  /// NONE when events are taken, else COORDINATOR_LOAD_IN_PROGRESS or NOT_COORDINATOR.
  [[nodiscard]] ErrorCode admission() const;

  [[nodiscard]] std::size_t queued_appends() const;

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
  /// Runs what is due at once; for a clock that is moved by hand. In a broker the timer does it, after a hearing.
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
  void deliver(Outcome& out, const Executor& executor);
  void fail_queue_locked(Outcome& out);

  // time
  void arm_timer_locked();
  void on_timer();
  static Awaitable<void> hear_and_fire(std::shared_ptr<GroupShardRunner> self);
  /// Fires what was due at `until`.
  void fire(SteadyTime until);
  /// The timer's work is done, or given up: from here on it may be armed again.
  void rearm();

  // appending. A coroutine holds its shard: it may outlive its leadership.
  /// The next append in line; nothing: the line is empty, and the drain is to end.
  std::optional<AppendAction> next_append();
  static Awaitable<void> drain(std::shared_ptr<GroupShardRunner> self);
  Awaitable<CoordinatorLog::Appended> append(const AppendAction& action);
  static Awaitable<void> wait_committed(std::shared_ptr<GroupShardRunner> self, AppendId id, CoordinatorLog::Appended appended);
  void on_appended(AppendId id, ErrorCode error, Offset base_offset);

  // loading (group_shard_load.cc)
  struct Load {
    std::uint64_t id = 0;
    LeaderEpoch epoch;
    std::shared_ptr<Event> ended;  ///< Leadership went.
  };
  static Awaitable<void> load(std::shared_ptr<GroupShardRunner> self, Load load);
  Awaitable<Status> read_log(const Load& load, GroupLoader& loader);
  Awaitable<Status> try_load(const Load& load);
  [[nodiscard]] bool is_current(const Load& load) const;
  void refuse_while_loading(const Load& load, ErrorCode answer);
  void install(const Load& load, GroupLoader& loader, SteadyTime started);

  const std::int32_t partition_;
  GroupShardEnv& env_;
  const Executor executor_;  ///< One of the I/O threads.
  mutable std::mutex mutex_;
  GroupShard shard_;
  State state_ = State::not_owned;
  std::optional<LeaderEpoch> epoch_;
  std::uint64_t load_id_ = 0;  // an older load's outcome is dropped
  std::shared_ptr<Event> load_ended_;
  ErrorCode load_answer_ = ErrorCode::coordinator_load_in_progress;  // what requests get until it is done
  std::unordered_map<RequestId, Waiting> waiting_;
  RequestId next_request_ = 1;
  std::deque<AppendAction> queue_;
  bool draining_ = false;
  Timer timer_;
  std::optional<SteadyTime> armed_for_;
  bool firing_ = false;  // the timer went off, and its work is under way
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
  if (queue_.size() >= kMaxQueuedAppends) return ErrorCode::coordinator_not_available;
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
  deliver(out, executor_);
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
