#include "storage/io/disk.h"

#include <algorithm>

namespace moldau::storage {

Result<std::optional<std::string>> read_whole(Disk& disk, const std::string& path, std::size_t limit) {
  auto info = disk.stat(path);
  if (!info) return info.error();
  if (!*info) return std::optional<std::string>();
  auto file = disk.open(path, OpenMode::read);
  if (!file) return file.error();
  std::string content(static_cast<std::size_t>(std::min<std::uint64_t>((*info)->size, limit)), '\0');
  std::size_t at = 0;
  while (at < content.size()) {
    auto got = (*file)->read_at(at, {reinterpret_cast<std::byte*>(content.data()) + at, content.size() - at});
    if (!got) return got.error();
    if (*got == 0) break;
    at += *got;
  }
  content.resize(at);
  return std::optional<std::string>(std::move(content));
}

Status write_atomically(Disk& disk, const std::string& path, std::string_view content, bool sync) {
  const std::string temporary = path + ".tmp";
  {
    auto file = disk.open(temporary, OpenMode::truncate);
    if (!file) return file.error();
    auto s = (*file)->write_at(0, as_bytes(content));
    // A part of it helps nobody on a full disk; that it could not be written is the error that counts.
    if (!s && is_no_space(s.error())) (void)disk.remove(temporary);
    if (s && sync) s = (*file)->sync();
    if (!s) return s;
  }
  if (auto s = disk.rename(temporary, path); !s) return s;
  return sync ? disk.sync_directory(parent_path(path)) : Status();
}

Status copy_file(Disk& disk, const std::string& from, const std::string& to, std::uint64_t bytes) {
  constexpr std::uint64_t kChunk = std::uint64_t{1} << 20;
  auto in = disk.open(from, OpenMode::read);
  if (!in) return in.error();
  auto out = disk.open(to, OpenMode::truncate);
  if (!out) return out.error();
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::min(bytes, kChunk)));
  for (std::uint64_t at = 0; at < bytes;) {
    const auto n = static_cast<std::size_t>(std::min(bytes - at, kChunk));
    auto got = (*in)->read_at(at, MutableBytes(buffer).first(n));
    if (!got) return got.error();
    if (*got == 0) return storage_error(from + " ends before byte " + std::to_string(bytes));
    if (auto s = (*out)->write_at(at, Bytes(buffer).first(*got)); !s) return s;
    at += *got;
  }
  return (*out)->sync();
}

Status remove_tree(Disk& disk, const std::string& dir) {
  auto info = disk.stat(dir);
  if (!info) return info.error();
  if (!*info) return {};
  auto entries = disk.list(dir);
  if (!entries) return entries.error();
  for (const auto& entry : *entries) {
    const auto path = dir + "/" + entry.name;
    auto s = entry.is_directory ? remove_tree(disk, path) : disk.remove(path);
    if (!s) return s;
  }
  return disk.remove(dir);
}

std::string parent_path(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace moldau::storage
