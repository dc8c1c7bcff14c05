// suspend_with: turns a stored continuation into an awaitable. The one place where a coroutine is parked by hand.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

#include "protocol/base/async.h"

namespace moldau::server {

/// The continuation of a parked coroutine; call it once, on the coroutine's executor.
using Resume = boost::asio::any_completion_handler<void()>;

/// Parks the calling coroutine and hands its continuation to `store`.
template <class Store>
Awaitable<void> suspend_with(Store store) {
  return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
      [](auto handler, auto keep) { keep(Resume(std::move(handler))); }, boost::asio::use_awaitable, std::move(store));
}

}  // namespace moldau::server
