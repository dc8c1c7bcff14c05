#include "replication/delayed/timer_wheel.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <catch2/catch.hpp>

#include <algorithm>
#include <limits>
#include <thread>

#include "replication/delayed/timer_service.h"
#include "replication/delayed/wait_list.h"
#include "replication/delayed/watch_set.h"

using namespace moldau;
using namespace moldau::replication;
namespace asio = boost::asio;

namespace {

/// One coroutine that waits; the outcome is kept.
struct Sleeper {
  explicit Sleeper(TimerService& timers) : waiter(timers) {}
  Waiter waiter;
  std::optional<WaitOutcome> outcome;

  void start(asio::io_context& io, SteadyTime deadline) {
    asio::co_spawn(io, run(deadline), asio::detached);
    io.restart();
    io.poll();
  }
  Awaitable<void> run(SteadyTime deadline) { outcome = co_await waiter.wait_until(deadline); }
};

void drain(asio::io_context& io) {
  io.restart();
  io.poll();
}

}  // namespace

TEST_CASE("TimerService: a wait ends at its deadline, not before", "[replication]") {
  asio::io_context io;
  ManualClock clock;
  TimerService timers(io.get_executor(), clock);
  const auto wait_ms = GENERATE(1, 3, 4, 5, 500, 4095, 4096, 5000, 60'000, 1'000'000);
  Sleeper s(timers);
  s.start(io, clock.steady() + Millis(wait_ms));
  CHECK(timers.waiting() == 1);
  clock.advance(Millis(wait_ms - 1));
  timers.advance();
  drain(io);
  CHECK_FALSE(s.outcome.has_value());
  clock.advance(Millis(1 + TimerWheel::kTickMs));
  timers.advance();
  drain(io);
  CHECK(s.outcome == WaitOutcome::timed_out);
  CHECK(timers.waiting() == 0);
}

TEST_CASE("TimerService: many deadlines in one step, each once, around the wheel", "[replication]") {
  asio::io_context io;
  ManualClock clock;
  TimerService timers(io.get_executor(), clock);
  std::vector<std::unique_ptr<Sleeper>> sleepers;
  for (int i = 0; i < 3000; ++i) {
    sleepers.push_back(std::make_unique<Sleeper>(timers));
    sleepers.back()->start(io, clock.steady() + Millis(i * 7 + 1));
  }
  int done = 0;
  for (int step = 0; step < 30; ++step) {
    clock.advance(Millis(701));
    timers.advance();
    drain(io);
    int now = 0;
    for (const auto& s : sleepers) now += s->outcome.has_value() ? 1 : 0;
    const int elapsed = 701 * (step + 1);
    const int tick = static_cast<int>(TimerWheel::kTickMs);
    CHECK(now >= done);
    CHECK(now >= std::min(3000, (elapsed - tick - 1) / 7));
    CHECK(now <= std::min(3000, elapsed / 7 + 1));
    done = now;
  }
  CHECK(done == 3000);
}

TEST_CASE("TimerService: closing cancels, and later waits end at once", "[replication]") {
  asio::io_context io;
  ManualClock clock;
  TimerService timers(io.get_executor(), clock);
  Sleeper a(timers);
  a.start(io, clock.steady() + Millis(100));
  timers.close();
  drain(io);
  CHECK(a.outcome == WaitOutcome::cancelled);
  Sleeper b(timers);
  b.start(io, clock.steady() + Millis(100));
  CHECK(b.outcome == WaitOutcome::cancelled);
}

TEST_CASE("TimerService: cancelling the coroutine ends its wait", "[replication]") {
  asio::io_context io;
  ManualClock clock;
  TimerService timers(io.get_executor(), clock);
  Sleeper s(timers);
  asio::cancellation_signal cancel;
  asio::co_spawn(io, s.run(clock.steady() + Millis(100)), asio::bind_cancellation_slot(cancel.slot(), asio::detached));
  drain(io);
  CHECK_FALSE(s.outcome.has_value());
  cancel.emit(asio::cancellation_type::terminal);
  drain(io);
  CHECK(s.outcome == WaitOutcome::cancelled);
}

TEST_CASE("TimerService: the system's clock drives it", "[replication]") {
  asio::io_context io;
  TimerService timers(io.get_executor(), system_clock());
  Sleeper s(timers);
  const auto begin = system_clock().steady();
  asio::co_spawn(io, s.run(begin + Millis(20)), asio::detached);
  io.run();
  CHECK(s.outcome == WaitOutcome::timed_out);
  CHECK(system_clock().steady() - begin >= Millis(20));
}

TEST_CASE("WaitList: wakes those whose threshold is reached", "[replication]") {
  asio::io_context io;
  ManualClock clock;
  TimerService timers(io.get_executor(), clock);
  WaitList list;
  Sleeper low(timers);
  Sleeper high(timers);
  Watch low_watch;
  Watch high_watch;
  list.add(low_watch, low.waiter, WaitFor::high_watermark, Offset(5));
  list.add(high_watch, high.waiter, WaitFor::log_end, Offset(9));
  low.start(io, clock.steady() + Millis(1000));
  high.start(io, clock.steady() + Millis(1000));
  CHECK(list.size() == 2);

  ReachedOffsets reached;
  reached.log_end = Offset(8);
  reached.high_watermark = Offset(4);
  list.wake(reached, 100);
  drain(io);
  CHECK_FALSE(low.outcome.has_value());
  CHECK_FALSE(low_watch.take_fired());

  reached.high_watermark = Offset(5);
  list.wake(reached, 100);
  drain(io);
  CHECK(low.outcome == WaitOutcome::woken);
  CHECK(low_watch.take_fired());
  CHECK_FALSE(low_watch.take_fired());
  CHECK_FALSE(high.outcome.has_value());

  list.wake_all();
  drain(io);
  CHECK(high.outcome == WaitOutcome::woken);
  low_watch.unlink();
  high_watch.unlink();
  CHECK(list.size() == 0);
}

TEST_CASE("WaitList: many small appends add up to what a waiter needs", "[replication]") {
  asio::io_context io;
  ManualClock clock;
  TimerService timers(io.get_executor(), clock);
  WaitList list;
  Sleeper s(timers);
  Watch watch;
  s.waiter.set_needed(1000);
  list.add(watch, s.waiter, WaitFor::high_watermark, Offset(1));
  s.start(io, clock.steady() + Millis(1000));
  ReachedOffsets reached;
  for (int i = 1; i <= 9; ++i) {
    reached.high_watermark = Offset(i);
    list.wake(reached, 100);
  }
  drain(io);
  CHECK_FALSE(s.outcome.has_value());
  CHECK(watch.take_fired());
  reached.high_watermark = Offset(10);
  list.wake(reached, 100);
  drain(io);
  CHECK(s.outcome == WaitOutcome::woken);
  watch.unlink();
}

TEST_CASE("WaitList: however much becomes readable, a waiter that has enough stays served", "[replication]") {
  asio::io_context io;
  ManualClock clock;
  TimerService timers(io.get_executor(), clock);
  WaitList list;
  Sleeper s(timers);
  Watch watch;
  s.waiter.set_needed(10);
  list.add(watch, s.waiter, WaitFor::high_watermark, Offset(1));
  ReachedOffsets reached;
  reached.high_watermark = Offset(1);
  // Role changes and followers' fetches say "as much as can be": twice that must not come out as a need again.
  const std::int64_t bytes[] = {std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::max(), 1, 1};
  for (const auto more : bytes) {
    s.outcome.reset();
    s.start(io, clock.steady() + Millis(1000));
    CHECK_FALSE(s.outcome.has_value());
    list.wake(reached, more);
    drain(io);
    CHECK(s.outcome == WaitOutcome::woken);
  }
  watch.unlink();
}

TEST_CASE("WaitList: a signal before the wait is not lost", "[replication]") {
  asio::io_context io;
  ManualClock clock;
  TimerService timers(io.get_executor(), clock);
  WaitList list;
  Sleeper s(timers);
  Watch watch;
  list.add(watch, s.waiter, WaitFor::high_watermark, Offset(1));
  list.wake_all();
  s.start(io, clock.steady() + Millis(1000));
  CHECK(s.outcome == WaitOutcome::woken);
  watch.unlink();
}

TEST_CASE("WaitList: wakers, deadlines and waiters on different threads", "[replication]") {
  // Each wait is woken, or it times out; none is lost and none ends twice. ThreadSanitizer looks on.
  asio::io_context io;
  TimerService timers(io.get_executor(), system_clock());
  WaitList list;
  std::atomic<bool> stop{false};
  std::atomic<std::int64_t> offset{0};
  std::thread appender([&] {
    while (!stop.load()) {
      ReachedOffsets reached;
      reached.high_watermark = Offset(offset.fetch_add(1) + 1);
      list.wake(reached, 1);
      if (offset.load() % 64 == 0) std::this_thread::yield();
    }
  });
  int rounds = 0;
  auto wait_loop = [&]() -> Awaitable<void> {
    for (int i = 0; i < 2000; ++i) {
      Waiter waiter(timers);
      WatchSet watches(1);
      const Offset next(offset.load() + 1);
      list.add(watches[0], waiter, WaitFor::high_watermark, next);
      if (offset.load() < next.value()) {
        const auto outcome = co_await waiter.wait_until(system_clock().steady() + Millis(2000));
        if (outcome == WaitOutcome::woken) CHECK(offset.load() >= next.value());
        CHECK(outcome != WaitOutcome::timed_out);
      }
      ++rounds;
    }
  };
  for (int i = 0; i < 3; ++i) asio::co_spawn(io, wait_loop(), asio::detached);
  std::thread runner([&] {
    const auto guard = asio::make_work_guard(io);
    while (rounds < 6000) io.run_one_for(Millis(10));
  });
  runner.join();
  stop = true;
  appender.join();
  CHECK(rounds == 6000);
}
