// Runs a coroutine against a store and waits for its result.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <filesystem>
#include <future>
#include <string>
#include <unistd.h>

#include "protocol/base/async.h"

namespace moldau::replication {

template <class T>
T run(Awaitable<T> what) {
  // One for all: the store's thread may still be on its way out of post() when the result is here.
  static boost::asio::io_context context;
  context.restart();
  auto result = boost::asio::co_spawn(context, std::move(what), boost::asio::use_future);
  context.run();
  return result.get();
}

/// An empty directory for one test.
class TempDir {
 public:
  TempDir() {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() / ("moldau-store-" + std::to_string(getpid()) + "-" + std::to_string(count++));
    std::filesystem::create_directories(path_);
  }
  ~TempDir() {
    std::error_code ignored;  // left-overs in /tmp do no harm
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace moldau::replication
