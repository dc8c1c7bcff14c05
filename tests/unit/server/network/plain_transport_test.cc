#include "server/network/plain_transport.h"

#include <sys/mman.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <catch2/catch.hpp>
#include <exception>
#include <string>
#include <vector>

using namespace moldau;
using namespace moldau::server;
using boost::asio::ip::tcp;

namespace {

constexpr std::size_t kMoreThanASocketTakes = 1U << 20U;

std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return out;
}

/// A file whose bytes tell their position, for reads and for sendfile.
struct TestFile {
  std::string bytes;
  std::size_t most_at_once = SIZE_MAX;
  int descriptor;

  explicit TestFile(std::size_t size) : bytes(pattern(size)), descriptor(::memfd_create("slices", MFD_CLOEXEC)) {
    REQUIRE(::pwrite(descriptor, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  }
  TestFile(const TestFile&) = delete;
  TestFile& operator=(const TestFile&) = delete;
  ~TestFile() { ::close(descriptor); }
};

std::size_t read_file(const void* owner, std::uint64_t position, MutableBytes out) {
  const auto& file = *static_cast<const TestFile*>(owner);
  if (position >= file.bytes.size()) return 0;
  const auto n = std::min({out.size(), file.bytes.size() - position, file.most_at_once});
  std::memcpy(out.data(), file.bytes.data() + position, n);
  return n;
}

FileRange range(const std::shared_ptr<TestFile>& file, std::uint64_t position, std::uint32_t size) {
  FileRange r;
  r.owner = file;
  r.descriptor = file->descriptor;
  r.read = read_file;
  r.position = position;
  r.size = size;
  return r;
}

/// Two ends of a connection over loopback, `ours` behind the transport.
struct Pair {
  boost::asio::io_context io;
  tcp::socket theirs{io};
  std::unique_ptr<PlainTransport> ours;

  explicit Pair(int send_buffer = 0) {
    tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
    theirs.connect(acceptor.local_endpoint());
    tcp::socket socket = acceptor.accept();
    if (send_buffer > 0) socket.set_option(boost::asio::socket_base::send_buffer_size(send_buffer));
    ours = std::make_unique<PlainTransport>(std::move(socket));
  }

  /// Writes, while the peer reads `expected` bytes.
  std::pair<bool, std::string> write(std::vector<WritePart> parts, std::size_t expected) {
    bool written = false;
    std::string received(expected, '\0');
    boost::asio::co_spawn(
        io, [&]() -> Awaitable<void> { written = co_await ours->write(parts); },
        [](std::exception_ptr error) {
          if (error) std::rethrow_exception(error);
        });
    boost::asio::async_read(theirs, boost::asio::buffer(received), [](boost::system::error_code, std::size_t) {});
    io.restart();
    io.run_for(std::chrono::seconds(20));
    return {written, received};
  }
};

}  // namespace

TEST_CASE("PlainTransport: a short answer keeps the order of memory and file slices", "[network]") {
  auto file = std::make_shared<TestFile>(20'000);
  file->most_at_once = GENERATE(std::size_t{SIZE_MAX}, std::size_t{100});
  const std::string head = "head", middle = "middle", tail = "tail";
  const auto first = range(file, 10, 5'000), second = range(file, 12'000, 3'000);
  Pair pair;
  const auto expected = head + file->bytes.substr(10, 5'000) + middle + file->bytes.substr(12'000, 3'000) + tail;
  const auto [written, received] =
      pair.write({{as_bytes(head)}, {{}, &first}, {as_bytes(middle)}, {{}, &second}, {as_bytes(tail)}}, expected.size());
  CHECK(written);
  CHECK((received == expected));
}

TEST_CASE("PlainTransport: a slice cut short by truncation fails the write", "[network]") {
  auto file = std::make_shared<TestFile>(1'000);
  const std::string head = "head";
  const auto slice = range(file, 500, 1'000);
  Pair pair;
  CHECK_FALSE(pair.write({{as_bytes(head)}, {{}, &slice}}, 0).first);
}

TEST_CASE("PlainTransport: a full socket goes on where it stopped", "[network]") {
  auto file = std::make_shared<TestFile>(16'000);
  const std::string head = pattern(kMoreThanASocketTakes);
  const auto slice = range(file, 0, 16'000);
  Pair pair(32'768);
  const auto expected = head + file->bytes + "end";
  const std::string end = "end";
  const auto [written, received] = pair.write({{as_bytes(head)}, {{}, &slice}, {as_bytes(end)}}, expected.size());
  CHECK(written);
  CHECK((received == expected));
}
