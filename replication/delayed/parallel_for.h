// parallel_for: spreads a loop over a pool, from inside it.
#pragma once

#include <boost/asio/post.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>

#include "protocol/base/async.h"

namespace moldau::replication {

/// Calls `body(i)` for i in [0, n), on the calling thread and on up to `helpers` threads of the pool, and returns when all are done. Helpers that the pool never
/// gets to start are not waited for, so it may be called on a thread of the same pool. `body` must not throw.
inline void parallel_for(const Executor& pool, std::size_t n, std::size_t helpers, const std::function<void(std::size_t)>& body) {
  if (n < 2 || helpers == 0) {
    for (std::size_t i = 0; i < n; ++i) body(i);
    return;
  }
  struct Shared {
    std::atomic<std::size_t> next{0};
    std::size_t done = 0;
    std::mutex mutex;
    std::condition_variable all_done;
  };
  const auto shared = std::make_shared<Shared>();
  // `body` is touched only by those who got an index, and the caller stays until every index is done.
  const auto work = [shared, n, &body] {
    std::size_t mine = 0;
    for (std::size_t i = shared->next.fetch_add(1); i < n; i = shared->next.fetch_add(1)) {
      body(i);
      ++mine;
    }
    if (mine == 0) return;
    const std::lock_guard lock(shared->mutex);
    shared->done += mine;
    if (shared->done == n) shared->all_done.notify_all();
  };
  for (std::size_t h = 0; h < helpers && h + 1 < n; ++h) boost::asio::post(pool, work);
  work();
  std::unique_lock lock(shared->mutex);
  shared->all_done.wait(lock, [&] { return shared->done == n; });
}

}  // namespace moldau::replication
