// Findings: what --verify has found to be broken, told at once.
#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <set>
#include <string>

#include "protocol/base/ids.h"

namespace moldau::server::tools {

/// Where in a file it is broken.
struct Place {
  std::optional<Offset> offset;
  std::optional<std::uint64_t> position;  ///< bytes from the start of the file
};

class Findings {
 public:
  explicit Findings(std::FILE* out) : out_(out) {}

  /// A file is told of ten times at most; the rest is counted.
  void add(const std::string& path, const Place& place, const std::string& reason);
  void add(const std::string& path, const std::string& reason) { add(path, Place{}, reason); }

  [[nodiscard]] std::size_t broken_files() const noexcept { return paths_.size(); }
  /// Tells how many findings about the file were not shown. Call it when the file is done.
  void close(const std::string& path);

 private:
  std::FILE* out_;
  std::set<std::string> paths_;
  std::string current_;
  std::size_t of_current_ = 0;
};

}  // namespace moldau::server::tools
