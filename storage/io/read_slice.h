// Reads the bytes that a FileSlice names.
#pragma once

#include <cstddef>

#include "protocol/base/bytes.h"
#include "protocol/base/error.h"
#include "storage/io/file.h"

namespace moldau::storage {

/// Fills `into`, of the slice's size, from its start; returns how much there was: less only where the file ends early. Blocks: for a pool. KAFKA_STORAGE_ERROR.
Result<std::size_t> read_slice(const FileSlice& slice, MutableBytes into);

}  // namespace moldau::storage
