#include "server/network/plain_transport.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <utility>

namespace moldau::server {
namespace {

using boost::asio::redirect_error;
using boost::asio::use_awaitable;

/// Below this size the copy of a slice costs less than sendfile's pipe.
constexpr std::size_t kShortAnswer = 16 * 1024;
constexpr std::size_t kMaxParts = 16;

std::size_t size_of(const WritePart& part) { return part.file != nullptr ? part.file->size : part.bytes.size(); }

bool is_short(std::span<const WritePart> parts) {
  std::size_t in_files = 0;
  for (const auto& part : parts) {
    if (part.file == nullptr) continue;
    if (part.file->read == nullptr) return false;
    in_files += part.file->size;
  }
  return in_files > 0 && in_files <= kShortAnswer && parts.size() <= kMaxParts;
}

}  // namespace

PlainTransport::PlainTransport(boost::asio::ip::tcp::socket socket) : socket_(std::move(socket)) {
  boost::system::error_code ignored;  // a socket without these options still works
  socket_.non_blocking(true, ignored);
  socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  socket_.set_option(boost::asio::socket_base::keep_alive(true), ignored);
}

Awaitable<std::size_t> PlainTransport::read_some(MutableBytes out) {
  boost::system::error_code error;
  const auto got = co_await socket_.async_receive(boost::asio::buffer(out.data(), out.size()), redirect_error(use_awaitable, error));
  co_return error ? 0 : got;
}

std::size_t PlainTransport::try_read(MutableBytes out) {
  if (!socket_.is_open()) return 0;
  for (;;) {
    const auto got = ::recv(socket_.native_handle(), out.data(), out.size(), MSG_DONTWAIT);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return 0;
  }
}

PlainTransport::Progress PlainTransport::after_error(int error) {
  if (error == EINTR) return Progress::done;
  return error == EAGAIN || error == EWOULDBLOCK ? Progress::would_block : Progress::failed;
}

PlainTransport::Progress PlainTransport::send_short(std::span<const WritePart> parts, std::size_t& part, std::size_t& offset) {
  std::array<std::byte, kShortAnswer> copies;
  std::array<iovec, kMaxParts> vectors{};
  std::size_t copied = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].file == nullptr) {
      vectors[i] = {const_cast<std::byte*>(parts[i].bytes.data()), parts[i].bytes.size()};  // sendmsg only reads
      continue;
    }
    const FileRange& range = *parts[i].file;
    const MutableBytes copy(copies.data() + copied, range.size);
    for (std::size_t read = 0; read < copy.size();) {
      const auto got = range.read(range.owner.get(), range.position + read, copy.subspan(read));
      if (got == 0) return Progress::failed;  // cut short by truncation: the announced length can't be kept
      read += got;
    }
    vectors[i] = {copy.data(), copy.size()};
    copied += copy.size();
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = parts.size();
  const auto sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0) return after_error(errno);
  offset = static_cast<std::size_t>(sent);
  while (part < parts.size() && offset >= size_of(parts[part])) offset -= size_of(parts[part++]);
  return Progress::done;
}

PlainTransport::Progress PlainTransport::send_memory(std::span<const WritePart> parts, std::size_t& part, std::size_t& offset) {
  std::array<iovec, kMaxParts> vectors{};
  std::size_t count = 0;
  bool file_follows = false;
  for (std::size_t i = part; i < parts.size() && count < vectors.size(); ++i) {
    if (parts[i].file != nullptr) {
      file_follows = parts[i].file->size > 0;
      break;
    }
    const auto skip = i == part ? offset : 0;
    if (parts[i].bytes.size() == skip) continue;
    vectors[count++] = {const_cast<std::byte*>(parts[i].bytes.data()) + skip, parts[i].bytes.size() - skip};  // sendmsg only reads
  }
  if (count > 0) {
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    const auto sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT | (file_follows ? MSG_MORE : 0));
    if (sent < 0) return after_error(errno);
    offset += static_cast<std::size_t>(sent);
  }
  while (part < parts.size() && parts[part].file == nullptr && offset >= parts[part].bytes.size()) {
    offset -= parts[part].bytes.size();
    ++part;
  }
  return Progress::done;
}

PlainTransport::Progress PlainTransport::send_file(const WritePart& part, std::size_t& offset) {
  const FileRange& range = *part.file;
  auto position = static_cast<off_t>(range.position + offset);
  const auto sent = ::sendfile(socket_.native_handle(), range.descriptor, &position, range.size - offset);
  if (sent < 0) return after_error(errno);
  if (sent == 0) return Progress::failed;  // cut short by truncation: the announced length can't be kept
  offset += static_cast<std::size_t>(sent);
  return Progress::done;
}

Awaitable<bool> PlainTransport::write(std::span<const WritePart> parts) {
  std::size_t part = 0;
  std::size_t offset = 0;
  bool together = is_short(parts);
  while (part < parts.size()) {
    if (!socket_.is_open()) co_return false;
    Progress progress;
    if (std::exchange(together, false)) {
      progress = send_short(parts, part, offset);
    } else if (parts[part].file == nullptr) {
      progress = send_memory(parts, part, offset);
    } else if (offset >= parts[part].file->size) {
      ++part;
      offset = 0;
      continue;
    } else {
      progress = send_file(parts[part], offset);
    }
    if (progress == Progress::failed) co_return false;
    if (progress == Progress::would_block) {
      boost::system::error_code error;
      co_await socket_.async_wait(boost::asio::ip::tcp::socket::wait_write, redirect_error(use_awaitable, error));
      if (error) co_return false;
    }
  }
  co_return true;
}

void PlainTransport::close() noexcept {
  boost::system::error_code ignored;  // closing is all that is wanted
  socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

}  // namespace moldau::server
