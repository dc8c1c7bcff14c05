// InputFile: a file of a log directory, opened for reading only: no lock is taken and nothing is created, so a running broker does not notice.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/error.h"
#include "protocol/base/ids.h"
#include "storage/io/file.h"

namespace moldau::server::tools {

struct InputFile {
  std::string path;
  std::shared_ptr<const storage::File> file;
  std::uint64_t size = 0;  ///< when it was opened
};

/// Errors: KAFKA_STORAGE_ERROR with path and reason.
Result<InputFile> open_input(const std::string& path);
/// The first `input.size` bytes. Errors also: more than 64 MiB, which no index has.
Result<std::vector<std::byte>> read_input(const InputFile& input);

/// Behind the last slash.
std::string file_name(const std::string& path);
/// From the last dot of the name on; empty without one.
std::string file_suffix(const std::string& path);
/// The number before the first dot of the name, if a segment can begin there: its offsets take 31 bits more.
std::optional<Offset> offset_in_name(const std::string& path);
/// The file of the same segment with another suffix.
std::string sibling(const std::string& path, const char* suffix);

}  // namespace moldau::server::tools
