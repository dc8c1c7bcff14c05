// Invariants that hold in release builds too. Never used on bytes that came from a client, a peer, ZooKeeper or disk.
#pragma once

namespace moldau {

/// Prints the failed condition with its place to stderr and aborts the process.
[[noreturn]] void check_failed(const char* condition, const char* file, int line, const char* detail);

}  // namespace moldau

#define MOLDAU_CHECK(cond, detail)                                            \
  do {                                                                        \
    if (!(cond)) [[unlikely]]                                                 \
      ::moldau::check_failed(#cond, __FILE__, __LINE__, detail);              \
  } while (false)
