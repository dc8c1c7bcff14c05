// Where the checkout is, for tests that read committed data: found from the program upward, as the build may have made __FILE__ relative.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

namespace moldau::test {

/// The folder that holds CMakePresets.json. REQUIRES: the program lies below the checkout.
inline std::string source_root() {
  for (auto dir = std::filesystem::read_symlink("/proc/self/exe").parent_path(); dir.has_relative_path(); dir = dir.parent_path())
    if (std::filesystem::exists(dir / "CMakePresets.json")) return dir.string();
  throw std::runtime_error("the checkout of the test data was not found above the program");
}

}  // namespace moldau::test
