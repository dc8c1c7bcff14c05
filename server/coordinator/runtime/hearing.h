// Hearing: "everything that had arrived by now has been heard". Who declares a client dead asks for it first.
//
// The heartbeat that saves a member may wait in a socket while its deadline passes: the process was stopped for a while, or the member's I/O thread was held up
// by a disk. DIFFERS: Apache Kafka lets its timers race with its network threads then; here the requests come first.
#pragma once

#include <vector>

#include "protocol/base/async.h"
#include "protocol/base/clock.h"

namespace moldau::server {

/// Waits until each of `threads` (single-threaded executors that serve connections) has looked at its sockets and run what it found there: requests that were in
/// a socket's buffer at the time of the call have been handled, but for those that wait themselves. False: a thread did not come round within `limit`.
Awaitable<bool> hear_what_arrived(std::vector<Executor> threads, Millis limit);

}  // namespace moldau::server
