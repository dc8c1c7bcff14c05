// Log directories as clients name them: absolute, as Java's File.getAbsolutePath prints them, whatever log.dirs says.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace moldau::server {

/// Against the working directory; without doubled and trailing slashes, but with `.` and `..` as they are.
inline std::string absolute_log_dir(const std::string& dir) {
  auto path = std::filesystem::path(dir).is_absolute() ? dir : std::filesystem::current_path().string() + "/" + dir;
  path.erase(std::unique(path.begin(), path.end(), [](char a, char b) { return a == '/' && b == '/'; }), path.end());
  if (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

/// The entry of `log_dirs` that a client means by its absolute path; empty when there is none.
inline std::string_view find_log_dir(const std::vector<std::string>& log_dirs, std::string_view absolute) {
  const auto found = std::find_if(log_dirs.begin(), log_dirs.end(), [absolute](const std::string& dir) { return absolute_log_dir(dir) == absolute; });
  return found == log_dirs.end() ? std::string_view() : std::string_view(*found);
}

}  // namespace moldau::server
