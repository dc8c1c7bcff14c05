#include "protocol/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace moldau {

void check_failed(const char* condition, const char* file, int line, const char* detail) {
  std::fprintf(stderr, "moldau: invariant broken: %s (%s) at %s:%d\n", condition, detail, file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace moldau
