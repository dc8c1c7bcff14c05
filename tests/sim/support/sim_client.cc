#include "tests/sim/support/sim_client.h"

#include <array>

namespace moldau::sim {

Awaitable<bool> SimClient::write(protocol::ByteBuffer frame) {
  const std::array<server::WritePart, 1> parts{server::WritePart{frame.bytes(), nullptr}};
  co_return co_await transport_->write(parts);
}

Awaitable<bool> SimClient::read_exactly(MutableBytes out) {
  for (std::size_t done = 0; done < out.size();) {
    const auto got = co_await transport_->read_some(out.subspan(done));
    if (got == 0) co_return false;
    done += got;
  }
  co_return true;
}

Awaitable<std::optional<std::string>> SimClient::read_frame() {
  std::array<std::byte, 4> size_bytes{};
  if (!(co_await read_exactly(size_bytes))) co_return std::nullopt;
  const auto size = load_be<std::int32_t>(size_bytes.data());
  if (size < 4 || size > (64 << 20)) throw std::runtime_error("an answer of " + std::to_string(size) + " bytes");
  std::string frame(static_cast<std::size_t>(size), '\0');
  if (!(co_await read_exactly(MutableBytes(reinterpret_cast<std::byte*>(frame.data()), frame.size())))) co_return std::nullopt;
  co_return frame;
}

}  // namespace moldau::sim
