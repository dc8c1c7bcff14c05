#include <catch2/catch.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replication/store/embedded_store.h"
#include "store_world.h"

using namespace moldau;
using namespace moldau::replication;

namespace {

std::int64_t bytes_on_disk(const std::string& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 ? static_cast<std::int64_t>(st.st_blocks) * 512 : -1;
}

/// Whether files here can have blocks behind their ends.
bool can_reserve(const std::string& dir) {
  const auto path = dir + "/probe";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT, 0600);
  const bool can = fd >= 0 && ::fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 65536) == 0;
  ::close(fd);
  ::unlink(path.c_str());
  return can;
}

}  // namespace

TEST_CASE("EmbeddedStore: has blocks for its next transactions, running or stopped", "[store]") {
  const TempDir dir;
  if (!can_reserve(dir.path())) {
    WARN("the file system reserves no blocks");
    return;
  }
  constexpr std::int64_t kLeast = std::int64_t{1} << 20;
  const auto log = dir.path() + "/moldau-metadata.db-wal";
  for (int round = 0; round < 3; ++round) {
    auto store = open_embedded_store(dir.path(), system_clock());
    REQUIRE(store.has_value());
    CHECK(bytes_on_disk(log) >= kLeast);
    for (int i = 0; i < 50; ++i) CHECK(run((*store)->create(fmt::format("/r{}-{}", round, i), std::string(5000, 'x'))).has_value());
    CHECK(bytes_on_disk(log) >= kLeast);
    (*store)->close();
    store->reset();
    CHECK(bytes_on_disk(log) >= kLeast);
    // Whoever copies the database alone has all of it: what is behind it says nothing.
    struct stat st {};
    REQUIRE(::stat(log.c_str(), &st) == 0);
    CHECK(st.st_size == 0);
  }
  auto store = open_embedded_store(dir.path(), system_clock());
  REQUIRE(store.has_value());
  CHECK(run((*store)->children("/"))->size() == 150);
}
