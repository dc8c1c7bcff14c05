// Leadership of a shard's partition: loading what its log holds, giving it up.
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

#include "protocol/base/event.h"
#include "protocol/base/log.h"
#include "protocol/base/task_group.h"
#include "server/coordinator/group/group_loader.h"
#include "server/coordinator/runtime/group_shard_runner.h"

namespace moldau::server {

namespace {
constexpr Millis kFirstRetry{200};
constexpr Millis kLastRetry{15'000};
}  // namespace

void GroupShardRunner::on_elected(LeaderEpoch epoch) {
  Load next;
  {
    const std::lock_guard lock(mutex_);
    if (epoch_ && epoch < *epoch_) {
      MOLDAU_LOG(group, info, "not loading __consumer_offsets-{} in epoch {}: epoch {} is known", partition_, epoch.value(), epoch_->value());
      return;
    }
    epoch_ = epoch;
    if (state_ != State::not_owned) return;  // led before, and led on
    state_ = State::loading;
    load_answer_ = ErrorCode::coordinator_load_in_progress;
    load_ended_ = std::make_shared<Event>();
    next.id = ++load_id_;
    next.epoch = epoch;
    next.ended = load_ended_;
  }
  // Refused by a broker that stops: nobody asks any more.
  static_cast<void>(env_.tasks.spawn(env_.background, load(shared_from_this(), std::move(next))));
}

bool GroupShardRunner::is_current(const Load& load) const {
  const std::lock_guard lock(mutex_);
  return state_ == State::loading && load_id_ == load.id;
}

void GroupShardRunner::refuse_while_loading(const Load& load, ErrorCode answer) {
  const std::lock_guard lock(mutex_);
  if (load_id_ == load.id) load_answer_ = answer;
}

Awaitable<void> GroupShardRunner::load(std::shared_ptr<GroupShardRunner> self, Load load) {
  for (auto pause = kFirstRetry;; pause = std::min(2 * pause, kLastRetry)) {
    Status tried;
    try {
      tried = co_await self->try_load(load);
    } catch (const std::exception& e) {
      tried = Error(ErrorCode::unknown_server_error, e.what());
    }
    if (tried || !self->is_current(load)) co_return;
    // DIFFERS: Kafka serves what it has got so far, which is nothing to a client that looks for its offsets. Who does not lead is not waited for: clients look
    // for another coordinator, and come back.
    MOLDAU_LOG(group, err, "loading __consumer_offsets-{} failed: {} {}; trying again in {} ms", self->partition_, to_string(tried.error().code),
               tried.error().message, pause.count());
    self->refuse_while_loading(
        load, tried.error().code == ErrorCode::not_leader_or_follower ? ErrorCode::not_coordinator : ErrorCode::coordinator_load_in_progress);
    const bool ended = co_await load.ended->wait_for(pause);
    if (ended) co_return;
  }
}

Awaitable<Status> GroupShardRunner::try_load(const Load& load) {
  const auto started = env_.clock.steady();
  GroupLoader loader(partition_);
  const auto read = co_await read_log(load, loader);
  if (read) install(load, loader, started);
  co_return read;
}

Awaitable<Status> GroupShardRunner::read_log(const Load& load, GroupLoader& loader) {
  std::vector<std::byte> buffer;
  std::optional<Offset> at;
  while (is_current(load)) {
    const auto range = env_.log.range(partition_);
    if (!range) co_return range.error();
    if (!at || *at < range->start) at = range->start;
    if (*at >= range->end) break;
    if (const auto read = env_.log.read(partition_, *at, env_.load_buffer_bytes, buffer); !read) {
      const auto moved = env_.log.range(partition_);
      if (read.error().code == ErrorCode::offset_out_of_range && moved && *at < moved->start) continue;
      co_return read.error();
    }
    const auto next = loader.feed(buffer);
    if (!next || *next <= *at) {
      MOLDAU_LOG(group, err, "loading __consumer_offsets-{} ends at offset {}: no whole batch there", partition_, at->value());
      break;
    }
    at = *next;
    // Partitions with little to read don't wait for one with much.
    co_await boost::asio::post(boost::asio::use_awaitable);
  }
  co_return Status();
}

void GroupShardRunner::install(const Load& load, GroupLoader& loader, SteadyTime started) {
  auto loaded = loader.finish();
  Outcome out;
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::loading || load_id_ != load.id) return;
    Effects fx;
    shard_.install(std::move(loaded), now(), fx);
    state_ = State::active;
    take_locked(fx, out);
    const auto took = std::chrono::duration_cast<Millis>(env_.clock.steady() - started).count();
    logger(LogCategory::group)
        .log(loader.records() > 0 ? spdlog::level::info : spdlog::level::debug, "loaded __consumer_offsets-{} in epoch {}: {} groups, {} offsets from {} records in {} ms",
             partition_, load.epoch.value(), shard_.group_count(), shard_.offset_count(), loader.records(), took);
  }
  deliver(out, executor_);
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
    load_ended_->set();
    logger(LogCategory::group)
        .log(shard_.group_count() > 0 ? spdlog::level::info : spdlog::level::debug, "unloading __consumer_offsets-{}: {} groups, {} offsets", partition_,
             shard_.group_count(), shard_.offset_count());
    Effects fx;
    shard_.unload(fx);
    take_locked(fx, out);
    fail_queue_locked(out);
  }
  deliver(out, executor_);
}

void GroupShardRunner::stop() {
  on_resigned(std::nullopt);
  const std::lock_guard lock(mutex_);
  timer_.cancel();
  armed_for_.reset();
}

}  // namespace moldau::server
