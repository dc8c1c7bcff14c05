// sync_wait: runs a coroutine on an executor and blocks the calling thread for its result. For start and stop only; never on an I/O thread.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include <utility>

#include "protocol/base/async.h"
#include "protocol/base/virtual_time.h"

namespace moldau::server {

/// REQUIRES: the executor's threads run, and the caller is none of them (in the simulator: it is the only one). Exceptions pass on.
template <class T>
T sync_wait(Executor executor, Awaitable<T> work) {
  return block_for(boost::asio::co_spawn(std::move(executor), std::move(work), boost::asio::use_future));
}

}  // namespace moldau::server
