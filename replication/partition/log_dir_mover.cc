#include "replication/partition/log_dir_mover.h"

#include <algorithm>
#include <exception>

#include "protocol/base/format.h"
#include "protocol/base/log.h"
#include "protocol/base/suspend.h"
#include "replication/partition/future_copy.h"

namespace moldau::replication {
namespace {

constexpr Millis kBackOff{1'000};  // Kafka's replica.fetch.backoff.ms
/// Under load both logs seldom end at one offset. When so many pieces as the last one are left, they are copied while appends wait.
constexpr std::int64_t kNearEnough = 4;

}  // namespace

LogDirMover::LogDirMover(Deps deps) : deps_(std::move(deps)) {}

LogDirMover::~LogDirMover() { stop(); }

void LogDirMover::add(std::shared_ptr<Partition> partition, std::shared_ptr<storage::Log> future) {
  auto move = std::make_shared<Move>();
  const auto& tp = partition->topic_partition();
  std::pair key(tp.topic, tp.partition);
  move->partition = std::move(partition);
  move->future = std::move(future);
  Worker* worker = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    auto& place = moves_[std::move(key)];
    if (place) place->removed = true;
    place = std::move(move);
    if (workers_.size() < std::max<std::size_t>(deps_.threads, 1)) worker = &workers_.emplace_back();
  }
  if (worker == nullptr || group_.spawn(deps_.executor, work(*worker))) return;
  const std::lock_guard lock(mutex_);
  workers_.remove_if([worker](const Worker& w) { return &w == worker; });
}

void LogDirMover::remove(TopicPartitionView tp) {
  const std::lock_guard lock(mutex_);
  const auto it = moves_.find(std::pair(std::string(tp.topic), tp.partition));
  if (it == moves_.end()) return;
  it->second->removed = true;
  moves_.erase(it);
}

void LogDirMover::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  for (auto& worker : workers_) worker.stop.set();
}

bool LogDirMover::join_blocking(Millis timeout) {
  stop();
  return group_.join_blocking(timeout);
}

std::size_t LogDirMover::moving() const {
  const std::lock_guard lock(mutex_);
  return moves_.size();
}

std::size_t LogDirMover::failing() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(moves_.begin(), moves_.end(), [](const auto& entry) { return entry.second->failed; }));
}

std::int64_t LogDirMover::max_lag() const {
  std::vector<std::shared_ptr<Move>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, move] : moves_) all.push_back(move);
  }
  std::int64_t lag = 0;
  for (const auto& move : all)
    if (const auto log = move->partition->log()) lag = std::max(lag, log->log_end_offset() - move->future->log_end_offset());
  return lag;
}

bool LogDirMover::is_wanted(const Move& move) const {
  const std::lock_guard lock(mutex_);
  return !move.removed;
}

std::shared_ptr<LogDirMover::Move> LogDirMover::take(Worker& worker, Millis& wait) {
  const auto now = deps_.clock.steady();
  const std::lock_guard lock(mutex_);
  wait = Millis(0);
  if (!stopped_) {
    for (const auto& [key, move] : moves_) {
      if (move->taken) continue;
      if (move->not_before <= now) {
        move->taken = true;
        return move;
      }
      wait = kBackOff;
    }
  }
  if (wait == Millis(0)) workers_.remove_if([&worker](const Worker& w) { return &w == &worker; });
  return nullptr;
}

void LogDirMover::let_go(const std::shared_ptr<Move>& move, bool done) {
  const std::lock_guard lock(mutex_);
  move->taken = false;
  move->failed = !done;
  move->not_before = deps_.clock.steady() + kBackOff;
  if (!done || move->removed) return;
  const auto& tp = move->partition->topic_partition();
  moves_.erase(std::pair(tp.topic, tp.partition));
}

Awaitable<bool> LogDirMover::copy(const Worker& worker, const Move& move) {
  const auto from = move.partition->log();
  if (!from) co_return false;  // its disk has failed; whoever takes note of that removes the move
  FutureCopy copy(from, move.future);
  const auto leader_epoch = [&move] { return move.partition->leader_epoch(); };
  while (!worker.stop.is_set() && is_wanted(move)) {
    const Offset before = move.future->log_end_offset();
    auto next = copy.next(leader_epoch);
    const auto piece = co_await std::move(next);
    if (!piece) {
      if (is_wanted(move))
        MOLDAU_LOG(replica, warn, "The move of {} to {} does not go on for now: {}", move.partition->topic_partition(), move.future->parent_dir(), piece.error().message);
      co_return false;
    }
    const Offset now = move.future->log_end_offset();
    if (piece->caught_up || (piece->bytes > 0 && from->log_end_offset() - now <= kNearEnough * (now - before))) {
      auto finishing = deps_.finish(move.partition, move.future);
      const bool finished = co_await std::move(finishing);
      if (finished) co_return true;
    }
    // The pool's threads are for others too.
    auto yield = [](Resumption resumption) { resumption.post(); };
    co_await suspend_with(yield);
  }
  co_return false;
}

Awaitable<void> LogDirMover::work(Worker& worker) {
  for (;;) {
    Millis wait{0};
    const auto move = take(worker, wait);
    if (!move) {
      if (wait == Millis(0)) co_return;
      co_await worker.stop.wait_for(wait);
      continue;
    }
    bool done = false;
    try {
      auto copying = copy(worker, *move);
      done = co_await std::move(copying);
    } catch (const std::exception& e) {
      MOLDAU_LOG(replica, err, "The move of {} failed: {}", move->partition->topic_partition(), e.what());
    }
    let_go(move, done);
  }
}

}  // namespace moldau::replication
