#include "server/tools/findings.h"

#include <fmt/format.h>

namespace moldau::server::tools {
namespace {

constexpr std::size_t kShown = 10;

}  // namespace

void Findings::add(const std::string& path, const Place& place, const std::string& reason) {
  if (path != current_) {
    current_ = path;
    of_current_ = 0;
  }
  paths_.insert(path);
  if (++of_current_ > kShown) return;
  std::string where;
  if (place.offset) where += fmt::format("offset {}", place.offset->value());
  if (place.position) where += fmt::format("{}position {}", where.empty() ? "" : ", ", *place.position);
  fmt::print(out_, "{}: {}{}{}\n", path, where, where.empty() ? "" : ": ", reason);
}

void Findings::close(const std::string& path) {
  if (path == current_ && of_current_ > kShown) fmt::print(out_, "{}: and {} more\n", path, of_current_ - kShown);
  of_current_ = 0;
  current_.clear();
}

}  // namespace moldau::server::tools
