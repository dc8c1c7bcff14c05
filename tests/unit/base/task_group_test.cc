#include "protocol/base/task_group.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch.hpp>

#include <atomic>
#include <future>
#include <stdexcept>

#include "protocol/base/event.h"
#include "protocol/base/log.h"
#include "protocol/base/timer.h"

using namespace moldau;
namespace asio = boost::asio;

namespace {

constexpr Millis kLong{3'600'000};

template <class T>
T run(asio::io_context& io, Awaitable<T> what) {
  auto result = asio::co_spawn(io, std::move(what), asio::use_future);
  io.restart();
  io.run();
  return result.get();
}

void poll(asio::io_context& io) {
  io.restart();
  io.poll();
}

Awaitable<void> wait_for(Event& event, bool& ended) {
  static_cast<void>(co_await event.wait_for(kLong));
  ended = true;
}

Awaitable<void> fail(int& times, int healthy_from) {
  if (++times < healthy_from) throw std::runtime_error("not yet");
  co_return;
}

}  // namespace

TEST_CASE("TaskGroup: counts what runs, and joins the last", "[base]") {
  asio::io_context io;
  TaskGroup group("test", LogCategory::server);
  Event first;
  Event second;
  bool first_ended = false;
  bool second_ended = false;
  REQUIRE(group.spawn(io.get_executor(), wait_for(first, first_ended)));
  REQUIRE(group.spawn(io.get_executor(), [&] { return wait_for(second, second_ended); }));
  poll(io);
  CHECK(group.running() == 2);
  first.set();
  poll(io);
  CHECK(first_ended);
  CHECK(group.running() == 1);
  auto joined = asio::co_spawn(io, group.join(kLong), asio::use_future);
  poll(io);
  CHECK(joined.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
  second.set();
  io.restart();
  io.run();
  CHECK(second_ended);
  CHECK(joined.get());
  CHECK(group.running() == 0);
}

TEST_CASE("TaskGroup: a join gives up at its deadline", "[base]") {
  asio::io_context io;
  TaskGroup group("test", LogCategory::server);
  Event event;
  bool ended = false;
  REQUIRE(group.spawn(io.get_executor(), wait_for(event, ended)));
  auto joined = asio::co_spawn(io, group.join(Millis(10)), asio::use_future);
  io.restart();
  while (joined.wait_for(std::chrono::seconds(0)) == std::future_status::timeout) io.run_one();
  CHECK_FALSE(joined.get());
  CHECK_FALSE(ended);
  event.set();
  CHECK(run(io, group.join(kLong)));
  CHECK(ended);
}

TEST_CASE("TaskGroup: a closed group refuses, and the refused task never runs", "[base]") {
  asio::io_context io;
  TaskGroup group("test", LogCategory::server);
  CHECK_FALSE(group.is_closed());
  CHECK(run(io, group.join(kLong)));
  CHECK(group.is_closed());
  Event event;
  bool ended = false;
  event.set();
  CHECK_FALSE(group.spawn(io.get_executor(), wait_for(event, ended)));
  CHECK_FALSE(group.spawn(io.get_executor(), [&] { return wait_for(event, ended); }, OnCancel::interrupt));
  CHECK_FALSE(group.post(io.get_executor(), [&] { ended = true; }));
  poll(io);
  CHECK_FALSE(ended);
  CHECK(group.running() == 0);
}

TEST_CASE("TaskGroup: cancel interrupts those who asked for it, at each of their waits", "[base]") {
  asio::io_context io;
  TaskGroup group("test", LogCategory::server);
  Event event;
  bool finished = false;
  int waits = 0;
  const auto loop = [&]() -> Awaitable<void> {
    for (;;) {
      Timer timer(io, kLong);
      ++waits;
      co_await timer.async_wait(asio::use_awaitable);
    }
  };
  REQUIRE(group.spawn(io.get_executor(), loop, OnCancel::interrupt, OnException::restart));
  REQUIRE(group.spawn(io.get_executor(), wait_for(event, finished), OnCancel::finish));
  poll(io);
  CHECK(waits == 1);
  group.cancel();
  poll(io);
  CHECK(group.running() == 1);
  CHECK(waits == 1);
  CHECK_FALSE(finished);
  group.cancel();  // once more does nothing
  event.set();
  CHECK(run(io, group.join(kLong)));
  CHECK(finished);
}

TEST_CASE("TaskGroup: an exception ends at the fence; the task ends or starts again as asked", "[base]") {
  set_log_level(LogCategory::server, "off");
  asio::io_context io;
  TaskGroup group("test", LogCategory::server);
  int ended = 0;
  int restarted = 0;
  REQUIRE(group.spawn(io.get_executor(), [&] { return fail(ended, 3); }));
  REQUIRE(group.spawn(io.get_executor(), [&] { return fail(restarted, 3); }, OnCancel::finish, OnException::restart));
  REQUIRE(group.spawn(io.get_executor(), fail(ended, 100)));
  REQUIRE(group.post(io.get_executor(), [] { throw std::runtime_error("a plain function"); }));
  io.run();
  CHECK(ended == 2);
  CHECK(restarted == 3);
  CHECK(group.running() == 0);
  set_log_level(LogCategory::server, "info");
}

TEST_CASE("TaskGroup: a closed group does not start a failed task again", "[base]") {
  set_log_level(LogCategory::server, "off");
  asio::io_context io;
  TaskGroup group("test", LogCategory::server);
  int times = 0;
  REQUIRE(group.spawn(io.get_executor(), [&] { return fail(times, 1000); }, OnCancel::finish, OnException::restart));
  poll(io);
  CHECK(times == 1);
  group.close();
  io.restart();
  io.run();
  CHECK(times == 1);
  CHECK(group.running() == 0);
  set_log_level(LogCategory::server, "info");
}

TEST_CASE("TaskGroup: a task whose executor goes leaves the group", "[base]") {
  TaskGroup group("test", LogCategory::server);
  Event event;
  bool ended = false;
  {
    asio::io_context io;
    REQUIRE(group.spawn(io.get_executor(), wait_for(event, ended)));
    REQUIRE(group.spawn(io.get_executor(), [&] { return wait_for(event, ended); }, OnCancel::interrupt));
    REQUIRE(group.post(io.get_executor(), [] {}));
    CHECK(group.running() == 3);
  }
  CHECK(group.running() == 0);
  CHECK_FALSE(ended);
  CHECK(group.join_blocking(Millis(0)));
}

TEST_CASE("TaskGroup: tasks of many threads, joined by one that blocks", "[base]") {
  asio::thread_pool pool(3);
  TaskGroup group("test", LogCategory::server);
  std::atomic<int> done{0};
  const auto work = [&]() -> Awaitable<void> {
    co_await asio::post(asio::use_awaitable);
    ++done;
  };
  const auto sleep = [&](Executor executor) -> Awaitable<void> {
    Timer timer(std::move(executor), kLong);
    co_await timer.async_wait(asio::use_awaitable);
  };
  for (int i = 0; i < 500; ++i) {
    REQUIRE(group.spawn(pool.get_executor(), work));
    Executor strand = asio::make_strand(pool.get_executor());
    REQUIRE(group.spawn(strand, [&sleep, strand] { return sleep(strand); }, OnCancel::interrupt));
  }
  group.cancel();
  CHECK(group.join_blocking(Millis(20'000)));
  CHECK(done == 500);
  CHECK(group.running() == 0);
  pool.join();
}
