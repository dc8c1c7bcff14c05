#include "storage/checkpoint/set_aside.h"

#include "storage/io/disk.h"

namespace moldau::storage {

Result<std::string> corrupt_name(Disk& disk, const std::string& path, std::int64_t now_ms) {
  for (auto ms = now_ms;; ++ms) {
    auto name = path + ".corrupt-" + std::to_string(ms);
    auto there = disk.stat(name);
    if (!there) return there.error();
    if (!*there) return name;
  }
}

Result<std::string> set_aside(Disk& disk, const std::string& path, std::int64_t now_ms) {
  auto name = corrupt_name(disk, path, now_ms);
  if (!name) return name;
  if (auto s = disk.rename(path, *name); !s) return s.error();
  return name;
}

}  // namespace moldau::storage
