#include "storage/io/read_slice.h"

namespace moldau::storage {

Result<std::size_t> read_slice(const FileSlice& slice, MutableBytes into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const auto n = slice.file->read_at(slice.position + done, into.subspan(done));
    if (!n) return n.error();
    if (*n == 0) break;
    done += *n;
  }
  return done;
}

}  // namespace moldau::storage
