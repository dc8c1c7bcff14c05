// Reads the tab-separated golden files beside the tests.
#pragma once

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace moldau::config::test {

/// The file below a folder or one above it; the binary lies in build/PRESET/bin of the checkout.
inline std::filesystem::path find_above(std::filesystem::path folder, const std::filesystem::path& relative) {
  for (; folder != folder.parent_path(); folder = folder.parent_path())
    if (std::filesystem::exists(folder / relative)) return folder / relative;
  return {};
}

inline std::vector<std::vector<std::string>> read_golden(const std::string& name) {
  const auto relative = std::filesystem::path("tests/unit/config/golden") / name;
  auto path = find_above(std::filesystem::current_path(), relative);
  if (path.empty()) path = find_above(std::filesystem::read_symlink("/proc/self/exe").parent_path(), relative);
  std::ifstream in(path);
  if (!in) throw std::runtime_error("no golden file " + name);
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(in, line);) {
    std::vector<std::string> fields;
    std::size_t start = 0;
    for (auto tab = line.find('\t'); tab != std::string::npos; start = tab + 1, tab = line.find('\t', start)) fields.push_back(line.substr(start, tab - start));
    fields.push_back(line.substr(start));
    rows.push_back(std::move(fields));
  }
  return rows;
}

}  // namespace moldau::config::test
