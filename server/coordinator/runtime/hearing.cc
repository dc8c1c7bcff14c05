#include "server/coordinator/runtime/hearing.h"

#include <boost/asio/post.hpp>

#include <atomic>
#include <cstddef>
#include <memory>

#include "protocol/base/event.h"
#include "protocol/base/timer.h"

namespace moldau::server {

namespace {

/// An io_context runs its queue in order and polls the sockets once in each round of it. A request needs some rounds: the readiness, its length, its body, its
/// turn on the connection.
constexpr int kRounds = 8;

struct Round {
  explicit Round(std::size_t threads) : left(threads) {}
  std::atomic<std::size_t> left;
  Event done;
};

}  // namespace

Awaitable<bool> hear_what_arrived(std::vector<Executor> threads, Millis limit) {
  const auto deadline = TimerClock::now() + limit;
  for (int i = 0; i < kRounds; ++i) {
    const auto round = std::make_shared<Round>(threads.size());
    for (const auto& thread : threads) {
      boost::asio::post(thread, [round] {
        if (round->left.fetch_sub(1) == 1) round->done.set();
      });
    }
    const bool came_round = co_await round->done.wait_until(deadline);
    if (!came_round) co_return false;
  }
  co_return true;
}

}  // namespace moldau::server
