// suspend_with: parks the calling coroutine and hands its resumption to whoever will end the wait. What the primitives beside it are made of.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

#include "protocol/base/async.h"
#include "protocol/base/resumption.h"

namespace moldau {

/// `store` is called once with the Resumption, on the calling thread; post() it once to go on. From the moment another thread can reach the Resumption the
/// coroutine may run there: `store` touches nothing of it afterwards. A Resumption that is destroyed takes its coroutine along.
template <class Store>
Awaitable<void> suspend_with(Store store) {
  return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
      [](auto handler, auto keep) { keep(Resumption(std::move(handler))); }, boost::asio::use_awaitable, std::move(store));
}

}  // namespace moldau
