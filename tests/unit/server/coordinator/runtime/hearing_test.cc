// A thread that stood still hears its sockets before anybody is declared dead.
#include "server/coordinator/runtime/hearing.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

namespace moldau::server {
namespace {

namespace asio = boost::asio;
using Socket = asio::local::stream_protocol::socket;

/// One thread that serves connections.
struct ServingThread {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard{context.get_executor()};
  std::thread thread{[this] { context.run(); }};
  ~ServingThread() {
    guard.reset();
    context.stop();
    thread.join();
  }
  /// Stands still until the promise is kept.
  void hold_up(std::shared_future<void> until) {
    std::promise<void> began;
    asio::post(context, [&began, until] {
      began.set_value();
      until.wait();
    });
    began.get_future().wait();
  }
};

Awaitable<void> serve(Socket& socket, std::atomic<int>& heard) {
  for (;;) {
    // A length, a body, a turn: as a connection does it.
    char length = 0;
    co_await asio::async_read(socket, asio::buffer(&length, 1), asio::use_awaitable);
    std::string body(static_cast<std::size_t>(length), '\0');
    co_await asio::async_read(socket, asio::buffer(body), asio::use_awaitable);
    co_await asio::post(socket.get_executor(), asio::use_awaitable);
    ++heard;
  }
}

TEST_CASE("Hearing: requests that wait in sockets of a thread that stood still are heard first", "[coordinator]") {
  ServingThread timers;
  ServingThread other;
  std::atomic<int> heard{0};
  Socket here(other.context);
  asio::io_context outside;
  Socket there(outside);
  asio::local::connect_pair(here, there);
  asio::co_spawn(other.context, serve(here, heard), asio::detached);
  const auto hear = [&](Millis limit) {
    std::vector<Executor> threads{timers.context.get_executor(), other.context.get_executor()};
    return asio::co_spawn(timers.context, hear_what_arrived(std::move(threads), limit), asio::use_future);
  };
  CHECK(hear(Millis(10'000)).get());
  CHECK(heard == 0);

  std::promise<void> go_on;
  other.hold_up(go_on.get_future().share());
  asio::write(there, asio::buffer("\x05hello", 6));
  SECTION("it comes round") {
    auto done = hear(Millis(10'000));
    CHECK(done.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout);
    CHECK(heard == 0);
    go_on.set_value();
    CHECK(done.get());
    CHECK(heard == 1);
  }
  SECTION("it does not: a limit") {
    CHECK(!hear(Millis(20)).get());
    go_on.set_value();
  }
  SECTION("several") {
    for (int i = 0; i < 3; ++i) asio::write(there, asio::buffer("\x05hello", 6));
    go_on.set_value();
    CHECK(hear(Millis(10'000)).get());
    CHECK(heard >= 1);  // one behind the other takes more rounds; the first of each connection is what counts
  }
  std::promise<void> closed;
  asio::post(other.context, [&] {
    here.close();
    closed.set_value();
  });
  closed.get_future().wait();
}

}  // namespace
}  // namespace moldau::server
