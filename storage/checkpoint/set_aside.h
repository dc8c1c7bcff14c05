// What can't be used, and is not thrown away: it is renamed to `<name>.corrupt-<ms>`, which no broker reads.
#pragma once

#include <cstdint>
#include <string>

#include "protocol/base/error.h"

namespace moldau::storage {

class Disk;

/// `<path>.corrupt-<ms>`, under which nothing lies yet: `ms` is `now_ms`, or a later one.
Result<std::string> corrupt_name(Disk& disk, const std::string& path, std::int64_t now_ms);
/// Renames; gives the new path. The caller syncs the directory if that matters, and tells why.
Result<std::string> set_aside(Disk& disk, const std::string& path, std::int64_t now_ms);

}  // namespace moldau::storage
