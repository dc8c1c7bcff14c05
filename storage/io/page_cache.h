// Asks whether a file range is in the page cache, and pulls it in where it is not: so that sendfile on an I/O thread never waits for a disk.
#pragma once

#include "protocol/base/error.h"
#include "storage/io/file.h"

namespace moldau::storage {

/// True when the slice is marked hot, or sampled pages of it (first, last, one each 128 KiB) can be read without waiting. A file without a descriptor, or on a file
/// system that cannot tell, counts as cached. Does not block.
bool is_cached(const FileSlice& slice) noexcept;

/// Reads the range through once, so that it is in the page cache. Blocks: for a pool. KAFKA_STORAGE_ERROR; a range that ends early is no error.
Status pull_in(const FileSlice& slice);

}  // namespace moldau::storage
