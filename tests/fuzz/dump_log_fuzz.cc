// `moldau dump-log` reads files that nobody vouches for: it prints, complains or ends with a reason, and no more. Byte 0 is the kind of file, byte 1 the options.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <unistd.h>

#include "server/tools/dump_log.h"

namespace {

constexpr const char* kSuffixes[] = {".log", ".index", ".timeindex", ".txnindex", ".snapshot"};

/// One folder for the process's life: a partition directory of a data directory.
const std::string& folder() {
  static const std::string made = [] {
    std::string pattern = "/tmp/moldau-fuzz-dump-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    static const std::string kept = pattern;
    std::atexit([] { static_cast<void>(::rmdir(kept.c_str())); });
    return pattern;
  }();
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  static std::FILE* const nothing = std::fopen("/dev/null", "w");
  const auto path = folder() + "/00000000000000000000" + kSuffixes[data[0] % std::size(kSuffixes)];
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) std::abort();
  std::fwrite(data + 2, 1, size - 2, file);
  std::fclose(file);
  std::vector<std::string> words{"--files", path};
  if ((data[1] & 1) != 0) words.emplace_back("--print-data-log");
  if ((data[1] & 2) != 0) words.emplace_back("--deep-iteration");
  if ((data[1] & 4) != 0) words.emplace_back("--index-sanity-check");
  if ((data[1] & 8) != 0) words.emplace_back("--offsets-decoder");
  if ((data[1] & 16) != 0) words.emplace_back("--transaction-log-decoder");
  static_cast<void>(moldau::server::tools::dump_log(words, "0", nothing, nothing));
  ::unlink(path.c_str());
  return 0;
}
