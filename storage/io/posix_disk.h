// PosixDisk: the operating system's files.
#pragma once

#include "storage/io/disk.h"

namespace moldau::storage {

/// One for the process.
Disk& posix_disk();
/// Raises the soft limit of open descriptors to the hard one; returns the limit in force.
std::uint64_t raise_descriptor_limit();

}  // namespace moldau::storage
