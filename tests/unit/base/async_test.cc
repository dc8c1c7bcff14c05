// AsyncMutex, Event, OneShot, ResumeBatch: who waits for whom.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "protocol/base/async_mutex.h"
#include "protocol/base/event.h"
#include "protocol/base/one_shot.h"
#include "protocol/base/suspend.h"

using namespace moldau;
namespace asio = boost::asio;

namespace {

void poll(asio::io_context& io) {
  io.restart();
  io.poll();
}

/// Takes the mutex, notes its name, holds it until told.
Awaitable<void> hold(AsyncMutex& mutex, Event& until, std::string name, std::vector<std::string>& order) {
  const auto guard = co_await mutex.lock();
  order.push_back(name);
  static_cast<void>(co_await until.wait_for(Millis(60'000)));
}

}  // namespace

TEST_CASE("AsyncMutex: first come, first served, and nobody overtakes", "[base]") {
  asio::io_context io;
  AsyncMutex mutex;
  std::vector<std::string> order;
  Event release[3];
  const char* names[] = {"a", "b", "c"};
  for (int i = 0; i < 3; ++i) asio::co_spawn(io, hold(mutex, release[i], names[i], order), asio::detached);
  poll(io);
  CHECK(order == std::vector<std::string>{"a"});
  CHECK_FALSE(mutex.try_lock());
  release[0].set();
  release[2].set();
  io.restart();
  while (order.size() < 2) io.run_one();
  CHECK_FALSE(mutex.try_lock());  // handed over, though nobody ran yet
  poll(io);
  CHECK(order == std::vector<std::string>{"a", "b"});
  release[1].set();
  poll(io);
  CHECK(order == std::vector<std::string>{"a", "b", "c"});
  CHECK(mutex.try_lock());
}

TEST_CASE("AsyncMutex: the free case does not suspend; a guard moves and is let go once", "[base]") {
  asio::io_context io;
  AsyncMutex mutex;
  bool through = false;
  const auto take = [&]() -> Awaitable<void> {
    auto guard = co_await mutex.lock();
    auto moved = std::move(guard);
    CHECK_FALSE(guard);
    CHECK(moved);
    guard.release();
    CHECK_FALSE(mutex.try_lock());
    moved.release();
    CHECK(mutex.try_lock());
    through = true;
  };
  asio::co_spawn(io, take, asio::detached);
  io.run_one();
  CHECK(through);
}

TEST_CASE("AsyncMutex: excludes between threads", "[base]") {
  asio::thread_pool pool(4);
  AsyncMutex mutex;
  int plain = 0;  // a race on it is a failure (ThreadSanitizer), and lost counts show
  const auto work = [&]() -> Awaitable<void> {
    for (int i = 0; i < 200; ++i) {
      auto guard = mutex.try_lock();
      if (!guard) guard = co_await mutex.lock();
      const int before = plain;
      if (i % 16 == 0) co_await asio::post(asio::use_awaitable);  // it may be held across a wait
      plain = before + 1;
    }
  };
  for (int i = 0; i < 16; ++i) asio::co_spawn(pool, work, asio::detached);
  pool.join();
  CHECK(plain == 16 * 200);
}

TEST_CASE("Event: before, during, too late, and cancelled", "[base]") {
  asio::io_context io;
  Event before;
  before.set();
  before.set();
  auto seen = asio::co_spawn(io, before.wait_for(Millis(60'000)), asio::use_future);
  Event during;
  auto woken = asio::co_spawn(io, during.wait_for(Millis(60'000)), asio::use_future);
  Event never;
  auto late = asio::co_spawn(io, never.wait_for(Millis(5)), asio::use_future);
  asio::post(io, [&] { during.set(); });
  io.run();
  CHECK(seen.get());
  CHECK(woken.get());
  CHECK_FALSE(late.get());
  CHECK_FALSE(never.is_set());
  never.set();
  CHECK(never.is_set());
}

TEST_CASE("Event: a wait that is set from another thread at any moment ends", "[base]") {
  asio::thread_pool pool(2);
  for (int i = 0; i < 2000; ++i) {
    const auto event = std::make_shared<Event>();
    auto woken = asio::co_spawn(pool, event->wait_for(Millis(60'000)), asio::use_future);
    event->set();
    REQUIRE(woken.get());
  }
  pool.join();
}

TEST_CASE("Event: goes on after a coroutine that waited was destroyed", "[base]") {
  Event event;
  {
    asio::io_context io;
    asio::co_spawn(io, event.wait_for(Millis(60'000)), asio::detached);
    poll(io);
  }
  event.set();
  CHECK(event.is_set());
}

TEST_CASE("OneShot: the value passes, whoever comes first", "[base]") {
  asio::thread_pool pool(2);
  for (int i = 0; i < 1000; ++i) {
    const auto shot = std::make_shared<OneShot<std::string>>();
    auto got = asio::co_spawn(pool, shot->get(), asio::use_future);
    shot->set("value " + std::to_string(i));
    REQUIRE(got.get() == "value " + std::to_string(i));
  }
  pool.join();
}

TEST_CASE("ResumeBatch: posts all, few or many", "[base]") {
  asio::io_context io;
  const int n = GENERATE(0, 1, 4, 5, 100);
  std::vector<Resumption> parked;
  int resumed = 0;
  const auto wait = [&]() -> Awaitable<void> {
    auto park = [&](Resumption resumption) { parked.push_back(std::move(resumption)); };
    co_await suspend_with(std::move(park));
    ++resumed;
  };
  for (int i = 0; i < n; ++i) asio::co_spawn(io, wait, asio::detached);
  poll(io);
  {
    ResumeBatch batch;
    for (auto& r : parked) batch.add(std::move(r));
    batch.add(Resumption());
    CHECK(resumed == 0);
  }
  poll(io);
  CHECK(resumed == n);
}
