// SimClient: one connection of a client, speaking Kafka's protocol with the project's own messages. Requests may be pipelined: send(), send(), receive().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "protocol/base/arena.h"
#include "protocol/base/async.h"
#include "protocol/wire/api_keys.h"
#include "protocol/wire/reader.h"
#include "protocol/wire/writer.h"
#include "server/network/transport.h"
#include "tests/sim/support/sim_network.h"

namespace moldau::sim {

/// An answer with the memory it borrows from.
template <class Response>
struct Answer {
  std::string frame;
  Arena arena;
  Response value;
};

class SimClient {
 public:
  explicit SimClient(std::unique_ptr<server::Transport> transport) : transport_(std::move(transport)) {}

  /// False when the connection is gone. The request is encoded at once.
  template <class Request>
  Awaitable<bool> send(const Request& request, std::int16_t version) {
    return write(encode(request, version));
  }

  /// The next answer, which is one to Request; null when the connection is gone.
  template <class Request>
  Awaitable<std::shared_ptr<Answer<typename Request::Response>>> receive(std::int16_t version) {
    using Response = typename Request::Response;
    auto frame = co_await read_frame();
    if (!frame) co_return nullptr;
    auto answer = std::make_shared<Answer<Response>>();
    answer->frame = std::move(*frame);
    protocol::Reader reader(as_bytes(answer->frame));
    const auto correlation = reader.template integer<std::int32_t>();
    if (correlation != next_answer_++) throw std::runtime_error("answers out of order");
    if (protocol::api_info(Request::kApiKey).response_header_version(version) >= 1) reader.skip_tags();
    if (const auto decoded = answer->value.decode(reader, version, answer->arena); !decoded)
      throw std::runtime_error(std::string("an answer can't be read: ") + Response::kName);
    co_return answer;
  }

  /// Sends, and waits for the answer. The request is encoded at once.
  template <class Request>
  Awaitable<std::shared_ptr<Answer<typename Request::Response>>> call(const Request& request, std::int16_t version) {
    return exchange<Request>(encode(request, version), version);
  }

  void close() { transport_->close(); }

 private:
  template <class Request>
  protocol::ByteBuffer encode(const Request& request, std::int16_t version) {
    protocol::ByteBuffer frame;
    protocol::Writer writer(frame);
    const auto& info = protocol::api_info(Request::kApiKey);
    const bool tagged = info.request_header_version(version) >= 2;
    constexpr std::string_view kClientId = "sim";
    writer.write(static_cast<std::int32_t>(8 + 2 + kClientId.size() + (tagged ? 1 : 0) + request.encoded_size(version)));
    writer.write(static_cast<std::int16_t>(Request::kApiKey));
    writer.write(version);
    writer.write(next_correlation_++);
    writer.string(kClientId, false);
    if (tagged) writer.uvarint(0);
    request.encode(writer, version);
    return frame;
  }
  template <class Request>
  Awaitable<std::shared_ptr<Answer<typename Request::Response>>> exchange(protocol::ByteBuffer frame, std::int16_t version) {
    const bool sent = co_await write(std::move(frame));
    if (!sent) co_return nullptr;
    co_return co_await receive<Request>(version);
  }

  Awaitable<bool> write(protocol::ByteBuffer frame);
  Awaitable<std::optional<std::string>> read_frame();
  Awaitable<bool> read_exactly(MutableBytes out);

  std::unique_ptr<server::Transport> transport_;
  std::int32_t next_correlation_ = 0;
  std::int32_t next_answer_ = 0;
};

}  // namespace moldau::sim
