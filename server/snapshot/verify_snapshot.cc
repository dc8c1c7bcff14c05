#include "server/snapshot/verify_snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "protocol/base/crc32c.h"
#include "server/snapshot/manifest.h"
#include "server/tools/verify.h"
#include "storage/checkpoint/metadata_files.h"

namespace moldau::server {
namespace {

constexpr std::size_t kChunk = std::size_t{1} << 20;
constexpr std::size_t kMaxManifest = std::size_t{1} << 30;

/// What is wrong with the file; empty: nothing.
std::string fault_of(storage::Disk& disk, const std::string& path, const ManifestFile& noted) {
  const auto info = disk.stat(path);
  if (!info) return info.error().message;
  if (!*info || (*info)->is_directory) return "it is missing";
  if ((*info)->size != noted.bytes) return fmt::format("it has {} bytes, not {}", (*info)->size, noted.bytes);
  if (!noted.crc) return {};
  const auto file = disk.open(path, storage::OpenMode::read);
  if (!file) return file.error().message;
  std::vector<std::byte> buffer(kChunk);
  std::uint32_t crc = 0;
  for (std::uint64_t at = 0; at < noted.bytes;) {
    const auto got = (*file)->read_at(at, buffer);
    if (!got) return got.error().message;
    if (*got == 0) return "it has become shorter";
    crc = crc32c(Bytes(buffer).first(*got), crc);
    at += *got;
  }
  return crc == *noted.crc ? std::string() : fmt::format("its checksum is {:08x}, not {:08x}", crc, *noted.crc);
}

/// Files below `dir` that the manifest does not name.
Status find_strangers(storage::Disk& disk, const std::string& root, const std::string& dir, const std::set<std::string_view>& known,
                      std::vector<std::string>& found) {
  const auto entries = disk.list(dir.empty() ? root : root + "/" + dir);
  if (!entries) return entries.error();
  for (const auto& entry : *entries) {
    const auto name = dir.empty() ? entry.name : dir + "/" + entry.name;
    if (entry.is_directory) {
      if (auto s = find_strangers(disk, root, name, known, found); !s) return s;
    } else if (name != kManifestFile && entry.name != storage::kLockFile && !known.contains(name)) {
      found.push_back(name);
    }
  }
  return {};
}

}  // namespace

int verify_snapshot(storage::Disk& disk, const std::string& dir, std::FILE* out, std::FILE* err) {
  const auto manifest_path = dir + "/" + kManifestFile;
  const auto text = storage::read_whole(disk, manifest_path, kMaxManifest);
  if (!text || !*text) {
    fmt::print(err, "moldau snapshot: {}\n", text ? manifest_path + " is missing: the directory is no complete snapshot" : text.error().message);
    return 1;
  }
  const auto manifest = parse_manifest(**text);
  if (!manifest) {
    fmt::print(err, "moldau snapshot: {}: {}\n", manifest_path, manifest.error().message);
    return 1;
  }
  std::size_t wrong = 0;
  std::set<std::string_view> known;
  for (const auto& file : manifest->files) {
    known.insert(file.path);
    const auto fault = fault_of(disk, dir + "/" + file.path, file);
    if (fault.empty()) continue;
    ++wrong;
    fmt::print(out, "{}/{}: {}\n", dir, file.path, fault);
  }
  std::vector<std::string> strangers;
  if (auto s = find_strangers(disk, dir, "", known, strangers); !s) {
    fmt::print(err, "moldau snapshot: {}\n", s.error().message);
    return 1;
  }
  std::sort(strangers.begin(), strangers.end());
  for (const auto& name : strangers) fmt::print(out, "{}/{}: it does not belong to the snapshot (has a broker been started on it?)\n", dir, name);
  wrong += strangers.size();
  bool whole = true;
  for (const auto& d : manifest->directories) whole &= tools::verify(dir + "/" + d.name, out, err) == 0;
  fmt::print(out, "{}: {} files of the manifest, {} wrong\n", dir, manifest->files.size(), wrong);
  return wrong == 0 && whole ? 0 : 1;
}

}  // namespace moldau::server
