// IoThreads: one io_context with one thread per core (io.threads). A connection lives on one of them for life.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "protocol/base/async.h"

namespace moldau::server {

class IoThreads {
 public:
  explicit IoThreads(std::size_t count);
  /// One context that its owner drives (the simulator); no thread.
  explicit IoThreads(boost::asio::io_context& driven) : contexts_{&driven} {}
  /// Stops and joins the threads.
  ~IoThreads();

  [[nodiscard]] std::size_t size() const noexcept { return contexts_.size(); }
  boost::asio::io_context& context(std::size_t index) { return *contexts_[index]; }
  /// Of each context, in order.
  [[nodiscard]] std::vector<Executor> executors() const;
  void stop();

 private:
  using Guard = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;
  std::vector<std::unique_ptr<boost::asio::io_context>> owned_;
  std::vector<boost::asio::io_context*> contexts_;
  std::vector<Guard> guards_;
  std::vector<std::thread> threads_;
};

}  // namespace moldau::server
