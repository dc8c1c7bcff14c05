// offload: runs blocking or costly work on a pool and comes back to the coroutine's own executor.
#pragma once

#include <boost/asio/post.hpp>

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "protocol/base/async.h"
#include "protocol/base/suspend.h"

namespace moldau::storage {

/// Runs `work` on `pool` and returns its result on the caller's executor. `work` and what it refers to must live until then; exceptions pass on.
template <class Work>
Awaitable<std::invoke_result_t<Work&>> offload(Executor pool, Work work) {
  using R = std::invoke_result_t<Work&>;
  std::optional<R> result;
  std::exception_ptr failure;
  auto park = [&](Resumption resumption) {
    boost::asio::post(pool, [&work, &result, &failure, home = std::move(resumption)]() mutable {
      try {
        result.emplace(work());
      } catch (...) {
        failure = std::current_exception();
      }
      home.post();
    });
  };
  co_await suspend_with(std::move(park));
  if (failure) std::rethrow_exception(failure);
  co_return std::move(*result);
}

}  // namespace moldau::storage
