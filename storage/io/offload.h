// offload: runs blocking or costly work on a pool and comes back to the coroutine's own executor.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "protocol/base/async.h"

namespace moldau::storage {

/// Runs `work` on `pool` and returns its result on the caller's executor. `work` and what it refers to must live until then; exceptions pass on.
template <class Work>
Awaitable<std::invoke_result_t<Work&>> offload(Executor pool, Work work) {
  using R = std::invoke_result_t<Work&>;
  std::optional<R> result;
  std::exception_ptr failure;
  co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
      [&](auto handler) {
        auto home = boost::asio::prefer(boost::asio::get_associated_executor(handler), boost::asio::execution::outstanding_work.tracked);
        boost::asio::post(pool, [&work, &result, &failure, home = std::move(home), handler = std::move(handler)]() mutable {
          try {
            result.emplace(work());
          } catch (...) {
            failure = std::current_exception();
          }
          auto executor = std::move(home);
          boost::asio::post(executor, std::move(handler));
        });
      },
      boost::asio::use_awaitable);
  if (failure) std::rethrow_exception(failure);
  co_return std::move(*result);
}

}  // namespace moldau::storage
