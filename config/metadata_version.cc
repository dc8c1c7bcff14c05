#include "config/metadata_version.h"

#include <algorithm>
#include <array>

namespace moldau::config {
namespace {

// Kafka 3.9 MetadataVersion.values(). The shortened form of a name (3.9 for 3.9-IV0) is the release.
constexpr std::array<std::string_view, 57> kVersions = {
    "0.8.0",   "0.8.1",   "0.8.2",   "0.9.0",   "0.10.0-IV0", "0.10.0-IV1", "0.10.1-IV0", "0.10.1-IV1", "0.10.1-IV2", "0.10.2-IV0", "0.11.0-IV0", "0.11.0-IV1",
    "0.11.0-IV2", "1.0-IV0", "1.1-IV0", "2.0-IV0", "2.0-IV1", "2.1-IV0", "2.1-IV1", "2.1-IV2", "2.2-IV0", "2.2-IV1", "2.3-IV0", "2.3-IV1",
    "2.4-IV0", "2.4-IV1", "2.5-IV0", "2.6-IV0", "2.7-IV0", "2.7-IV1", "2.7-IV2", "2.8-IV0", "2.8-IV1", "3.0-IV0", "3.0-IV1", "3.1-IV0",
    "3.2-IV0", "3.3-IV0", "3.3-IV1", "3.3-IV2", "3.3-IV3", "3.4-IV0", "3.5-IV0", "3.5-IV1", "3.5-IV2", "3.6-IV0", "3.6-IV1", "3.6-IV2",
    "3.7-IV0", "3.7-IV1", "3.7-IV2", "3.7-IV3", "3.7-IV4", "3.8-IV0", "3.9-IV0", "4.0-IV0", "4.0-IV1"};

/// 3.9.2 is 3.9, 0.10.2.1 is 0.10.2: the part that names a release.
std::string_view release_of(std::string_view text) {
  const int parts = text.starts_with("0.") ? 3 : 2;
  std::size_t end = 0;
  for (int i = 0; i < parts && end != std::string_view::npos; ++i) end = text.find('.', i == 0 ? 0 : end + 1);
  return text.substr(0, end);
}

}  // namespace

bool is_metadata_version(std::string_view text) {
  if (std::find(kVersions.begin(), kVersions.end(), text) != kVersions.end()) return true;
  if (text.find("-IV") != std::string_view::npos) return false;
  const auto release = release_of(text);
  return std::any_of(kVersions.begin(), kVersions.end(), [&](std::string_view v) { return v.substr(0, v.find("-IV")) == release; });
}

}  // namespace moldau::config
