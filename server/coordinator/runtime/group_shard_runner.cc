#include "server/coordinator/runtime/group_shard_runner.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

#include "protocol/base/log.h"
#include "server/coordinator/group/append_batch.h"
#include "server/coordinator/group/group_loader.h"

namespace moldau::server {

namespace {
/// Appends that one drain does before it lets others run on its thread.
constexpr int kDrainBurst = 32;
}  // namespace

GroupShardRunner::GroupShardRunner(std::int32_t partition, GroupShardEnv& env)
    : partition_(partition), env_(env), shard_(partition, env.groups, env.random), timer_(env.executor) {}

GroupShardRunner::~GroupShardRunner() = default;

ErrorCode GroupShardRunner::admission_locked() const noexcept {
  switch (state_) {
    case State::active: return ErrorCode::none;
    case State::loading: return ErrorCode::coordinator_load_in_progress;
    case State::not_owned: return ErrorCode::not_coordinator;
  }
  return ErrorCode::not_coordinator;
}

ErrorCode GroupShardRunner::admission() const {
  const std::lock_guard lock(mutex_);
  return admission_locked();
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

void GroupShardRunner::arm_timer_locked() {
  const auto next = shard_.next_deadline();
  if (!next || (armed_for_ && *armed_for_ <= *next)) return;
  armed_for_ = next;
  // By the clock's own time: in a simulation the deadline may be far from the machine's, and tick() is called by hand.
  timer_.expires_after(std::max(*next - env_.clock.steady(), SteadyTime::duration::zero()));
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    if (error) return;
    if (const auto self = weak.lock()) self->tick();
  });
}

void GroupShardRunner::tick() {
  Outcome out;
  {
    const std::lock_guard lock(mutex_);
    armed_for_.reset();
    Effects fx;
    shard_.on_tick(now(), fx);
    take_locked(fx, out);
  }
  deliver(out, env_.executor);
}

void GroupShardRunner::deliver(Outcome& out, const Executor& executor) {
  for (auto& [waiting, answer] : out.answers) waiting->set(std::move(answer));
  out.answers.clear();
  // Runs here at once, up to the first wait, when this is the executor's thread.
  if (out.drain) {
    boost::asio::co_spawn(
        executor, [self = shared_from_this(), token = env_.in_flight.enter()]() -> Awaitable<void> { co_await self->drain(); }, boost::asio::detached);
  }
}

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

Awaitable<void> GroupShardRunner::drain() {
  const auto executor = co_await boost::asio::this_coro::executor;
  for (int done = 1;; ++done) {
    if (done % kDrainBurst == 0) co_await boost::asio::post(boost::asio::use_awaitable);
    auto action = next_append();
    if (!action) co_return;
    CoordinatorLog::Appended appended;
    try {
      const auto batch = build_append_batch(*action, env_.codec);
      if (batch) {
        appended = co_await env_.log.append(partition_, batch->bytes(), action->all_replicas);
      } else {
        appended.error = batch.error().code;
      }
    } catch (const std::exception& e) {
      MOLDAU_LOG(group, err, "appending to __consumer_offsets-{} failed: {}", partition_, e.what());
      appended.error = ErrorCode::unknown_server_error;
    }
    if (appended.error == ErrorCode::none && appended.waits) {
      boost::asio::co_spawn(
          executor,
          [self = shared_from_this(), id = action->id, waits = std::move(appended), token = env_.in_flight.enter()]() mutable -> Awaitable<void> {
            co_await self->wait_committed(id, std::move(waits));
          },
          boost::asio::detached);
    } else {
      on_appended(action->id, appended.error, appended.base_offset);
    }
  }
}

Awaitable<void> GroupShardRunner::wait_committed(AppendId id, CoordinatorLog::Appended appended) {
  const Offset base_offset = appended.base_offset;
  ErrorCode error = ErrorCode::unknown_server_error;
  try {
    error = co_await env_.log.wait_committed(std::move(appended));
  } catch (const std::exception& e) {
    MOLDAU_LOG(group, err, "waiting for the replicas of __consumer_offsets-{} failed: {}", partition_, e.what());
  }
  on_appended(id, error, base_offset);
}

void GroupShardRunner::on_appended(AppendId id, ErrorCode error, Offset base_offset) {
  Outcome out;
  {
    const std::lock_guard lock(mutex_);
    Effects fx;
    shard_.on_appended(id, error, base_offset.value(), now(), fx);
    take_locked(fx, out);
  }
  deliver(out, env_.executor);
}

// ---- leadership ----

void GroupShardRunner::on_elected(LeaderEpoch epoch) {
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    if (epoch_ && epoch < *epoch_) {
      MOLDAU_LOG(group, info, "not loading __consumer_offsets-{} in epoch {}: epoch {} is known", partition_, epoch.value(), epoch_->value());
      return;
    }
    epoch_ = epoch;
    if (state_ != State::not_owned) return;  // led before, and led on
    state_ = State::loading;
    id = ++load_id_;
  }
  boost::asio::post(env_.blocking, [self = shared_from_this(), id, epoch, token = std::make_shared<InFlight::Token>(env_.in_flight.enter())] { self->load(id, epoch); });
}

void GroupShardRunner::load(std::uint64_t load_id, LeaderEpoch epoch) {
  const auto started = env_.clock.steady();
  GroupLoader loader(partition_);
  const auto current = [&] {
    const std::lock_guard lock(mutex_);
    return state_ == State::loading && load_id_ == load_id;
  };
  std::optional<Error> failed;
  std::vector<std::byte> buffer;
  std::optional<Offset> at;
  while (current()) {
    const auto range = env_.log.range(partition_);
    if (!range) {
      failed = range.error();
      break;
    }
    if (!at || *at < range->start) at = range->start;
    if (*at >= range->end) break;
    if (const auto read = env_.log.read(partition_, *at, env_.load_buffer_bytes, buffer); !read) {
      if (read.error().code == ErrorCode::offset_out_of_range) continue;  // the log start moved
      failed = read.error();
      break;
    }
    const auto next = loader.feed(buffer);
    if (!next || *next <= *at) {
      MOLDAU_LOG(group, err, "loading __consumer_offsets-{} ends at offset {}: no whole batch there", partition_, at->value());
      break;
    }
    at = *next;
  }
  auto loaded = loader.finish();
  Outcome out;
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::loading || load_id_ != load_id) return;
    if (failed) {
      // What would be served from half a log is wrong: clients look for another coordinator and come back.
      MOLDAU_LOG(group, err, "loading __consumer_offsets-{} failed: {} {}", partition_, to_string(failed->code), failed->message);
      state_ = State::not_owned;
      ended_while_loading_.clear();
      return;
    }
    Effects fx;
    shard_.install(std::move(loaded), now(), fx);
    for (const auto& [producer, committed] : ended_while_loading_) shard_.end_transaction(producer, committed);
    ended_while_loading_.clear();
    state_ = State::active;
    take_locked(fx, out);
    const auto took = std::chrono::duration_cast<Millis>(env_.clock.steady() - started).count();
    logger(LogCategory::group)
        .log(loader.records() > 0 ? spdlog::level::info : spdlog::level::debug, "loaded __consumer_offsets-{} in epoch {}: {} groups, {} offsets from {} records in {} ms",
             partition_, epoch.value(), shard_.group_count(), shard_.offset_count(), loader.records(), took);
  }
  deliver(out, env_.executor);
}

void GroupShardRunner::fail_queue_locked(Outcome& out) {
  auto queued = std::move(queue_);
  queue_.clear();
  Effects fx;
  for (const auto& action : queued) shard_.on_appended(action.id, ErrorCode::not_leader_or_follower, -1, now(), fx);
  fx.appends.clear();
  take_locked(fx, out);
}

void GroupShardRunner::on_resigned(std::optional<LeaderEpoch> epoch) {
  Outcome out;
  {
    const std::lock_guard lock(mutex_);
    if (epoch) {
      if (epoch_ && *epoch < *epoch_) return;
      epoch_ = *epoch;
    }
    if (state_ == State::not_owned) return;
    state_ = State::not_owned;
    ++load_id_;
    ended_while_loading_.clear();
    logger(LogCategory::group)
        .log(shard_.group_count() > 0 ? spdlog::level::info : spdlog::level::debug, "unloading __consumer_offsets-{}: {} groups, {} offsets", partition_,
             shard_.group_count(), shard_.offset_count());
    Effects fx;
    shard_.unload(fx);
    take_locked(fx, out);
    fail_queue_locked(out);
  }
  deliver(out, env_.executor);
}

void GroupShardRunner::on_transaction_ended(ProducerId producer, bool committed) {
  const std::lock_guard lock(mutex_);
  if (state_ == State::loading) {
    ended_while_loading_.emplace_back(producer, committed);
  } else if (state_ == State::active) {
    shard_.end_transaction(producer, committed);
  }
}

void GroupShardRunner::stop() {
  on_resigned(std::nullopt);
  const std::lock_guard lock(mutex_);
  timer_.cancel();
  armed_for_.reset();
}

}  // namespace moldau::server
