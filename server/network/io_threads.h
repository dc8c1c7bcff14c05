// IoThreads: one io_context with one thread per core (io.threads). A connection lives on one of them for life.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

namespace moldau::server {

class IoThreads {
 public:
  explicit IoThreads(std::size_t count);
  /// Stops and joins the threads.
  ~IoThreads();

  [[nodiscard]] std::size_t size() const noexcept { return contexts_.size(); }
  boost::asio::io_context& context(std::size_t index) { return *contexts_[index]; }
  void stop();

 private:
  using Guard = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;
  std::vector<std::unique_ptr<boost::asio::io_context>> contexts_;
  std::vector<Guard> guards_;
  std::vector<std::thread> threads_;
};

}  // namespace moldau::server
