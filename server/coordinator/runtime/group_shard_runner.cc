#include "server/coordinator/runtime/group_shard_runner.h"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

#include "protocol/base/log.h"
#include "protocol/base/task_group.h"
#include "server/coordinator/group/append_batch.h"
#include "server/coordinator/runtime/hearing.h"

namespace moldau::server {

namespace {
/// Appends that one drain does before it lets others run on its thread.
constexpr int kDrainBurst = 32;
/// An I/O thread that does not come round for so long holds up the deadlines of others no longer.
constexpr Millis kHearingLimit{10'000};
}  // namespace

GroupShardRunner::GroupShardRunner(std::int32_t partition, GroupShardEnv& env)
    : partition_(partition),
      env_(env),
      executor_(env.threads[static_cast<std::size_t>(partition) % env.threads.size()]),
      shard_(partition, env.groups, env.random),
      timer_(executor_) {}

GroupShardRunner::~GroupShardRunner() = default;

ErrorCode GroupShardRunner::admission_locked() const noexcept {
  switch (state_) {
    case State::active: return ErrorCode::none;
    case State::loading: return load_answer_;
    case State::not_owned: return ErrorCode::not_coordinator;
  }
  return ErrorCode::not_coordinator;
}

ErrorCode GroupShardRunner::admission() const {
  const std::lock_guard lock(mutex_);
  return admission_locked();
}

std::size_t GroupShardRunner::queued_appends() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

Now GroupShardRunner::now() const {
  Now n;
  n.steady = env_.clock.steady();
  n.wall_ms = env_.clock.wall_ms();
  return n;
}

void GroupShardRunner::take_locked(Effects& fx, Outcome& out) {
  for (auto& [request, answer] : fx.answers) {
    const auto at = waiting_.find(request);
    if (at == waiting_.end()) continue;
    out.answers.emplace_back(std::move(at->second), std::move(answer));
    waiting_.erase(at);
  }
  for (auto& action : fx.appends) queue_.push_back(std::move(action));
  if (!queue_.empty() && !draining_) {
    draining_ = true;
    out.drain = true;
  }
  arm_timer_locked();
}

void GroupShardRunner::deliver(Outcome& out, const Executor& executor) {
  for (auto& [waiting, answer] : out.answers) waiting->set(std::move(answer));
  out.answers.clear();
  // Runs here at once, up to the first wait, when this is the executor's thread.
  if (!out.drain || env_.tasks.spawn(executor, drain(shared_from_this()))) return;
  // The broker stops: nothing is appended any more.
  Outcome refused;
  {
    const std::lock_guard lock(mutex_);
    fail_queue_locked(refused);
    draining_ = false;
  }
  for (auto& [waiting, answer] : refused.answers) waiting->set(std::move(answer));
}

void GroupShardRunner::fail_queue_locked(Outcome& out) {
  auto queued = std::move(queue_);
  queue_.clear();
  Effects fx;
  for (const auto& action : queued) shard_.on_appended(action.id, ErrorCode::not_leader_or_follower, -1, now(), fx);
  fx.appends.clear();
  take_locked(fx, out);
}

// ---- time ----

void GroupShardRunner::arm_timer_locked() {
  if (firing_) return;
  const auto next = shard_.next_deadline();
  if (!next || (armed_for_ && *armed_for_ <= *next)) return;
  armed_for_ = next;
  // By the clock's own time: in a simulation the deadline may be far from the machine's, and tick() is called by hand.
  timer_.expires_after(std::max(*next - env_.clock.steady(), SteadyTime::duration::zero()));
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    if (error) return;
    if (const auto self = weak.lock()) self->on_timer();
  });
}

void GroupShardRunner::on_timer() {
  {
    const std::lock_guard lock(mutex_);
    armed_for_.reset();
    if (firing_) return;
    if (!shard_.anything_due(now())) {
      // Heartbeats came: only the entry was old.
      arm_timer_locked();
      return;
    }
    firing_ = true;
  }
  if (!env_.tasks.spawn(executor_, hear_and_fire(shared_from_this()))) rearm();
}

Awaitable<void> GroupShardRunner::hear_and_fire(std::shared_ptr<GroupShardRunner> self) {
  try {
    const auto until = self->env_.clock.steady();
    const bool heard = co_await hear_what_arrived(self->env_.threads, kHearingLimit);
    if (!heard)
      MOLDAU_LOG(group, warn, "an I/O thread is held up for {} ms; deadlines of __consumer_offsets-{} fire without it", kHearingLimit.count(), self->partition_);
    self->fire(until);
  } catch (const std::exception& e) {
    MOLDAU_LOG(group, err, "timers of __consumer_offsets-{} failed: {}", self->partition_, e.what());
  }
  self->rearm();
}

void GroupShardRunner::fire(SteadyTime until) {
  Outcome out;
  {
    const std::lock_guard lock(mutex_);
    Effects fx;
    shard_.on_tick(until, now(), fx);
    take_locked(fx, out);
  }
  deliver(out, executor_);
}

void GroupShardRunner::rearm() {
  const std::lock_guard lock(mutex_);
  firing_ = false;
  arm_timer_locked();
}

void GroupShardRunner::tick() { fire(env_.clock.steady()); }

// ---- appending ----

std::optional<AppendAction> GroupShardRunner::next_append() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) {
    draining_ = false;
    return std::nullopt;
  }
  std::optional<AppendAction> next(std::move(queue_.front()));
  queue_.pop_front();
  return next;
}

Awaitable<void> GroupShardRunner::drain(std::shared_ptr<GroupShardRunner> self) {
  const auto executor = co_await boost::asio::this_coro::executor;
  for (int done = 1;; ++done) {
    if (done % kDrainBurst == 0) co_await boost::asio::post(boost::asio::use_awaitable);
    const auto action = self->next_append();
    if (!action) co_return;
    try {
      const auto appended = co_await self->append(*action);
      const bool waits = appended.error == ErrorCode::none && appended.waits;
      if (waits && self->env_.tasks.spawn(executor, wait_committed(self, action->id, appended))) continue;
      // A broker that stops waits for no replicas.
      self->on_appended(action->id, waits ? ErrorCode::not_leader_or_follower : appended.error, appended.base_offset);
    } catch (const std::exception& e) {
      MOLDAU_LOG(group, err, "the outcome of an append to __consumer_offsets-{} is lost: {}", self->partition_, e.what());
    }
  }
}

Awaitable<CoordinatorLog::Appended> GroupShardRunner::append(const AppendAction& action) {
  CoordinatorLog::Appended appended;
  try {
    const auto batch = build_append_batch(action, env_.codec);
    if (batch) {
      appended = co_await env_.log.append(partition_, batch->bytes(), action.all_replicas);
    } else {
      appended.error = batch.error().code;
    }
  } catch (const std::exception& e) {
    MOLDAU_LOG(group, err, "appending to __consumer_offsets-{} failed: {}", partition_, e.what());
    appended.error = ErrorCode::unknown_server_error;
  }
  co_return appended;
}

Awaitable<void> GroupShardRunner::wait_committed(std::shared_ptr<GroupShardRunner> self, AppendId id, CoordinatorLog::Appended appended) {
  const Offset base_offset = appended.base_offset;
  ErrorCode error = ErrorCode::unknown_server_error;
  try {
    error = co_await self->env_.log.wait_committed(std::move(appended));
  } catch (const std::exception& e) {
    MOLDAU_LOG(group, err, "waiting for the replicas of __consumer_offsets-{} failed: {}", self->partition_, e.what());
  }
  self->on_appended(id, error, base_offset);
}

void GroupShardRunner::on_appended(AppendId id, ErrorCode error, Offset base_offset) {
  Outcome out;
  {
    const std::lock_guard lock(mutex_);
    Effects fx;
    shard_.on_appended(id, error, base_offset.value(), now(), fx);
    take_locked(fx, out);
  }
  deliver(out, executor_);
}

}  // namespace moldau::server
