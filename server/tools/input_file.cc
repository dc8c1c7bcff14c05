#include "server/tools/input_file.h"

#include "storage/checkpoint/text_lines.h"
#include "storage/io/posix_disk.h"

namespace moldau::server::tools {
namespace {

constexpr std::uint64_t kLargestIndex = std::uint64_t{64} << 20;

}  // namespace

Result<InputFile> open_input(const std::string& path) {
  auto file = storage::posix_disk().open(path, storage::OpenMode::read);
  if (!file) return file.error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  return InputFile{path, std::move(*file), *size};
}

Result<std::vector<std::byte>> read_input(const InputFile& input) {
  if (input.size > kLargestIndex) return storage::storage_error(input.path + " has " + std::to_string(input.size) + " bytes, more than any index or snapshot");
  std::vector<std::byte> bytes(static_cast<std::size_t>(input.size));
  const auto got = input.file->read_at(0, bytes);
  if (!got) return got.error();
  bytes.resize(*got);
  return bytes;
}

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string file_suffix(const std::string& path) {
  const auto name = file_name(path);
  const auto dot = name.rfind('.');
  return dot == std::string::npos ? std::string() : name.substr(dot);
}

std::optional<Offset> offset_in_name(const std::string& path) {
  const auto name = file_name(path);
  const auto number = storage::parse_number<std::int64_t>(std::string_view(name).substr(0, name.find('.')));
  if (!number || *number < 0 || *number > INT64_MAX - UINT32_MAX) return std::nullopt;
  return Offset(*number);
}

std::string sibling(const std::string& path, const char* suffix) {
  const auto name = file_name(path);
  return path.substr(0, path.size() - name.size()) + name.substr(0, name.find('.')) + suffix;
}

}  // namespace moldau::server::tools
