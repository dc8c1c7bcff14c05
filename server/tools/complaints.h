// Complaints: what kafka-dump-log collects while it reads and prints on stderr behind everything else, by kind and file.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace moldau::server::tools {

/// Pairs of numbers by file, in the order of their first complaint.
class ComplaintsByFile {
 public:
  /// `path` as it was given; it is shown absolute.
  void add(const std::string& path, std::int64_t first, std::int64_t second);

  struct File {
    std::string path;
    std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
  };
  /// In the order in which Scala's mutable.Map lists them.
  [[nodiscard]] std::vector<const File*> files() const;

 private:
  std::vector<File> files_;
};

struct Complaints {
  ComplaintsByFile index_mismatches;         ///< offset in the index, in the log
  ComplaintsByFile timestamp_mismatches;     ///< timestamp in the index, in the log
  ComplaintsByFile timestamps_out_of_order;  ///< timestamp, the one before it
  ComplaintsByFile offsets_not_found;        ///< offset in the time index, last offset of the batch found
  ComplaintsByFile gaps;                     ///< offset of a record, of the one after it

  void print(std::FILE* err) const;
};

}  // namespace moldau::server::tools
