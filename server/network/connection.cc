#include "server/network/connection.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <exception>
#include <utility>

#include <fmt/format.h>

#include "protocol/base/bytes.h"
#include "protocol/base/log.h"
#include "server/network/peer_log.h"
#include "protocol/base/timer.h"

namespace moldau::server {

/// One request from its frame to its written answer.
struct Connection::InFlight final : Exchange {
  explicit InFlight(Connection& owner) : connection(owner) {}
  void release_order() override {
    if (std::exchange(released, true)) return;
    frame.hold = {};
    connection.changed_.notify();
  }

  Connection& connection;
  Frame frame;
  Response response;
  bool released = false;
  bool done = false;
};

Connection::Connection(std::unique_ptr<Transport> transport, ConnectionInfo info, Dispatcher& dispatcher, MemoryBudget& budget, ConnectionLimits limits,
                       Executor executor, std::function<void(Connection&)> on_closed)
    : transport_(std::move(transport)),
      info_(std::move(info)),
      dispatcher_(dispatcher),
      budget_(budget),
      limits_(limits),
      executor_(std::move(executor)),
      on_closed_(std::move(on_closed)),
      last_active_(TimerClock::now()) {}

Awaitable<void> Connection::run() {
  const auto self = shared_from_this();
  std::size_t turn = 0;
  while (!finishing_ && !broken_) {
    if (++turn % kRequestsATurn == 0) co_await boost::asio::post(executor_, boost::asio::use_awaitable);
    auto frame = co_await read_frame();
    if (!frame) break;
    last_active_ = TimerClock::now();
    const FrameKind kind = dispatcher_.classify(frame->bytes(), info_);
    if (kind == FrameKind::refused) break;
    const bool overlaps = kind == FrameKind::overlapping;
    const auto may_start = [&] {
      if (in_flight_.empty()) return true;
      if (!overlaps || in_flight_.size() >= kMaxOverlap) return false;
      return std::all_of(in_flight_.begin(), in_flight_.end(), [](const auto& r) { return r->released || r->done; });
    };
    while (!broken_ && !may_start()) co_await changed_.wait();
    if (broken_) break;

    auto request = std::make_shared<InFlight>(*this);
    request->frame = std::move(*frame);
    // An overlapping request waits in the queue behind others of its kind only; `released` is set again by its handler.
    in_flight_.push_back(request);
    start(std::move(request));
    if (overlaps || in_flight_.empty()) continue;
    in_flight_.front()->frame.hold = {};
    if (!(co_await fill_inbox(sizeof(std::int32_t)))) break;  // held, and the peer has ended
    while (!broken_ && !in_flight_.empty()) co_await changed_.wait();
  }
  co_await drain();
}

void Connection::start(std::shared_ptr<InFlight> request) {
  boost::asio::co_spawn(executor_, serve(std::move(request)),
                        [self = shared_from_this()](const std::exception_ptr& failed) {  // joined by drain(): `in_flight_`
                          if (!failed) return;
                          self->in_flight_.clear();
                          self->close();
                        });
}

Awaitable<void> Connection::drain() {
  Timer grace(executor_);
  if (!in_flight_.empty() && !finishing_) {
    grace.expires_after(kEndedGrace);
    grace.async_wait([self = shared_from_this()](const boost::system::error_code& cancelled) {
      if (!cancelled) self->close();
    });
  }
  while (!in_flight_.empty() && !broken_) co_await changed_.wait();
  grace.cancel();
  broken_ = true;
  shut();
  while (!in_flight_.empty()) co_await changed_.wait();
}

Awaitable<void> Connection::serve(std::shared_ptr<InFlight> request) {
  const auto self = shared_from_this();
  try {
    request->response = co_await dispatcher_.handle(request->frame.bytes(), info_, *request);
  } catch (const std::exception& e) {  // out of memory and its kin: this connection ends, the others go on
    MOLDAU_LOG(network, err, "a request of {}:{} failed: {}; closing its connection", info_.peer_host, info_.peer_port, e.what());
    request->response = Response();
    request->response.send = false;
    request->response.close = true;
  }
  request->frame = Frame();
  request->done = true;
  co_await write_ready();
  if (finishing_ && in_flight_.empty()) shut();
  changed_.notify();
}

Awaitable<void> Connection::write_ready() {
  if (writing_) co_return;  // whoever writes takes our answer along
  writing_ = true;
  while (!in_flight_.empty() && in_flight_.front()->done) {
    const auto request = in_flight_.front();
    if (!broken_ && request->response.send && !(co_await write_response(request->response))) broken_ = true;
    if (request->response.close) broken_ = true;
    if (broken_) shut();
    in_flight_.pop_front();
    last_active_ = TimerClock::now();
  }
  writing_ = false;
}

Awaitable<bool> Connection::write_response(Response& response) {
  const Bytes all = response.buffer.bytes();
  if (response.splices.empty()) {
    const std::array<WritePart, 1> parts{WritePart{all, nullptr}};
    co_return co_await transport_->write(parts);
  }
  std::vector<WritePart> parts;
  parts.reserve(response.splices.size() * 2 + 1);
  std::size_t from = 0;
  for (const auto& splice : response.splices) {
    if (splice.at > from) parts.push_back({all.subspan(from, splice.at - from), nullptr});
    from = splice.at;
    if (splice.range.size > 0) parts.push_back({{}, &splice.range});
  }
  if (from < all.size()) parts.push_back({all.subspan(from), nullptr});
  co_return co_await transport_->write(parts);
}

Awaitable<bool> Connection::fill_inbox(std::size_t at_least) {
  while (inbox_end_ - inbox_begin_ < at_least) {
    if (inbox_begin_ > 0) {
      std::memmove(inbox_.data(), inbox_.data() + inbox_begin_, inbox_end_ - inbox_begin_);
      inbox_end_ -= inbox_begin_;
      inbox_begin_ = 0;
    }
    const auto got = co_await transport_->read_some(MutableBytes(inbox_).subspan(inbox_end_));
    if (got == 0) co_return false;
    inbox_end_ += got;
  }
  co_return true;
}

Awaitable<std::optional<Connection::Frame>> Connection::read_frame() {
  if (!(co_await fill_inbox(sizeof(std::int32_t)))) co_return std::nullopt;
  const auto announced = load_be<std::int32_t>(inbox_.data() + inbox_begin_);
  if (announced < 0 || announced > limits_.max_request_bytes) {
    log_closing(info_, fmt::format("a frame of {} bytes (allowed: 0 to socket.request.max.bytes={}); TLS or HTTP on a plaintext port looks like this",
                                   announced, limits_.max_request_bytes));
    co_return std::nullopt;
  }
  inbox_begin_ += sizeof(std::int32_t);
  std::optional<Frame> frame(std::in_place);
  frame->size = static_cast<std::size_t>(announced);
  frame->hold = co_await budget_.take(announced);
  frame->buffer = BufferPool::local().take(frame->size);
  std::size_t have = std::min(frame->size, inbox_end_ - inbox_begin_);
  std::memcpy(frame->buffer.data(), inbox_.data() + inbox_begin_, have);
  inbox_begin_ += have;
  while (have < frame->size) {
    const MutableBytes rest = frame->buffer.span(frame->size).subspan(have);
    auto got = transport_->try_read(rest);
    if (got == 0) got = co_await transport_->read_some(rest);
    if (got == 0) co_return std::nullopt;
    have += got;
    last_active_ = TimerClock::now();
  }
  co_return frame;
}

void Connection::finish() {
  finishing_ = true;
  if (in_flight_.empty()) shut();
}

void Connection::close() noexcept {
  broken_ = true;
  shut();
  changed_.notify();
}

void Connection::shut() noexcept {
  transport_->close();
  if (const auto tell = std::exchange(on_closed_, nullptr)) tell(*this);
}

}  // namespace moldau::server
