#include "server/tools/complaints.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/tools/java_text.h"

namespace moldau::server::tools {
namespace {

using Pairs = std::vector<std::pair<std::int64_t, std::int64_t>>;

/// Apache Kafka puts some complaints in front of the earlier ones.
Pairs newest_first(Pairs pairs) {
  std::reverse(pairs.begin(), pairs.end());
  return pairs;
}

}  // namespace

void ComplaintsByFile::add(const std::string& path, std::int64_t first, std::int64_t second) {
  auto absolute = java_absolute_path(path);
  auto it = std::find_if(files_.begin(), files_.end(), [&](const File& f) { return f.path == absolute; });
  if (it == files_.end()) it = files_.insert(files_.end(), File{std::move(absolute), {}});
  it->pairs.emplace_back(first, second);
}

std::vector<const ComplaintsByFile::File*> ComplaintsByFile::files() const {
  std::vector<std::int32_t> hashes;
  for (const auto& f : files_) hashes.push_back(java_hash(f.path));
  std::vector<const File*> ordered;
  for (const auto i : scala_hash_order(hashes)) ordered.push_back(&files_[i]);
  return ordered;
}

void Complaints::print(std::FILE* err) const {
  for (const auto* f : index_mismatches.files()) {
    fmt::print(err, "Mismatches in :{}\n", f->path);
    for (const auto& [index, log] : newest_first(f->pairs)) fmt::print(err, "  Index offset: {}, log offset: {}\n", index, log);
  }
  for (const auto* f : timestamp_mismatches.files()) {
    fmt::print(err, "Found timestamp mismatch in :{}\n", f->path);
    for (const auto& [index, log] : f->pairs) fmt::print(err, "  Index timestamp: {}, log timestamp: {}\n", index, log);
  }
  for (const auto* f : timestamps_out_of_order.files()) {
    fmt::print(err, "Found out of order timestamp in :{}\n", f->path);
    for (const auto& [timestamp, previous] : f->pairs) fmt::print(err, "  Index timestamp: {}, Previously indexed timestamp: {}\n", timestamp, previous);
  }
  for (const auto* f : offsets_not_found.files()) {
    fmt::print(err, "The following indexed offsets are not found in the log.\n");
    for (const auto& [index, log] : f->pairs) fmt::print(err, "Indexed offset: {}, found log offset: {}\n", index, log);
  }
  for (const auto* f : gaps.files()) {
    fmt::print(err, "Non-consecutive offsets in {}\n", f->path);
    for (const auto& [first, second] : newest_first(f->pairs)) fmt::print(err, "  {} is followed by {}\n", first, second);
  }
}

}  // namespace moldau::server::tools
