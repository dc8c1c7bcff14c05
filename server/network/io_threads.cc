#include "server/network/io_threads.h"

#include <pthread.h>

#include <exception>
#include <string>

#include "protocol/base/log.h"

namespace moldau::server {
namespace {

/// The fence of an I/O thread: an exception that escapes a completion handler is logged, the thread goes on.
void run_fenced(boost::asio::io_context& context) {
  for (;;) {
    try {
      context.run();
      return;
    } catch (const std::exception& e) {
      MOLDAU_LOG(server, err, "unexpected exception on an I/O thread: {}", e.what());
    }
  }
}

}  // namespace

IoThreads::IoThreads(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    owned_.push_back(std::make_unique<boost::asio::io_context>(1));
    contexts_.push_back(owned_.back().get());
    guards_.emplace_back(contexts_.back()->get_executor());
  }
  for (std::size_t i = 0; i < count; ++i) {
    threads_.emplace_back([this, i] { run_fenced(*contexts_[i]); });
    pthread_setname_np(threads_.back().native_handle(), ("io-" + std::to_string(i)).c_str());
  }
}

std::vector<Executor> IoThreads::executors() const {
  std::vector<Executor> all;
  all.reserve(contexts_.size());
  for (auto* context : contexts_) all.push_back(context->get_executor());
  return all;
}

void IoThreads::stop() {
  for (auto& guard : guards_) guard.reset();
  for (auto& context : owned_) context->stop();
  for (auto& thread : threads_)
    if (thread.joinable()) thread.join();
}

IoThreads::~IoThreads() { stop(); }

}  // namespace moldau::server
