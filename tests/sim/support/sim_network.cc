#include "tests/sim/support/sim_network.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

#include "protocol/base/suspend.h"

namespace moldau::sim {
namespace {


constexpr std::size_t kWindow = 64 * 1024;

/// One direction of a connection.
struct Pipe {
  struct Chunk {
    SteadyTime at;
    std::string bytes;
  };
  bool to_broker = false;
  std::deque<Chunk> on_its_way;
  std::string arrived;
  std::size_t unread = 0;  ///< Bytes that fill the window: on their way and arrived.
  SteadyTime last_arrival{};
  bool finished = false;      ///< The writer closed; `fin_at` is when the reader learns.
  SteadyTime fin_at{};
  bool fin_arrived = false;
  Resumption reader;
  Resumption writer;
};

}  // namespace

struct SimNetwork::Link : std::enable_shared_from_this<Link> {
  Link(Executor e, std::uint64_t number, std::uint64_t seed, const NetworkWeather& w, const Tap& t)
      : executor(std::move(e)), id(number), random(seed), weather(w), tap(t) {
    pipes[0].to_broker = true;
  }

  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : random() % bound; }

  /// Bytes leave; they arrive after a delay, in order.
  void send(Pipe& pipe, std::string bytes) {
    if (broken || pipe.finished) return;
    if (weather.reset_one_in > 0 && below(weather.reset_one_in) == 0) {
      reset();
      return;
    }
    auto delay = std::chrono::microseconds(20 + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(weather.max_delay_us))));
    if (weather.stall_one_in > 0 && below(weather.stall_one_in) == 0) delay += std::chrono::milliseconds(below(3'000));
    pipe.last_arrival = std::max(pipe.last_arrival, TimerClock::now() + delay);
    pipe.unread += bytes.size();
    pipe.on_its_way.push_back({pipe.last_arrival, std::move(bytes)});
    arrive_at(pipe, pipe.last_arrival);
  }
  void finish(Pipe& pipe) {
    if (pipe.finished || broken) return;
    pipe.finished = true;
    pipe.fin_at = std::max(pipe.last_arrival, TimerClock::now()) + std::chrono::microseconds(20);
    arrive_at(pipe, pipe.fin_at);
  }
  void arrive_at(Pipe& pipe, SteadyTime at) {
    auto timer = std::make_shared<Timer>(executor, at);
    timer->async_wait([self = shared_from_this(), timer, &pipe](const boost::system::error_code& error) {
      if (!error) self->arrive(pipe);
    });
  }
  void arrive(Pipe& pipe) {
    const auto now = TimerClock::now();
    bool news = false;
    while (!broken && !pipe.on_its_way.empty() && pipe.on_its_way.front().at <= now) {
      auto& bytes = pipe.on_its_way.front().bytes;
      tap(id, pipe.to_broker, as_bytes(bytes));
      pipe.arrived += bytes;
      pipe.on_its_way.pop_front();
      news = true;
    }
    if (pipe.finished && pipe.on_its_way.empty() && now >= pipe.fin_at) pipe.fin_arrived = news = true;
    if (news) pipe.reader.post();
  }
  /// Both ends learn at once; what has not arrived is lost.
  void reset() {
    broken = true;
    for (auto& pipe : pipes) {
      pipe.on_its_way.clear();
      pipe.reader.post();
      pipe.writer.post();
    }
  }

  Executor executor;
  const std::uint64_t id;
  std::mt19937_64 random;
  NetworkWeather weather;
  Tap tap;
  bool broken = false;
  Pipe pipes[2];  ///< To the broker, to the client.
};

/// One end of a connection.
class SimNetwork::End final : public server::Transport {
 public:
  End(std::shared_ptr<Link> link, bool at_broker) : link_(std::move(link)), in_(link_->pipes[at_broker ? 0 : 1]), out_(link_->pipes[at_broker ? 1 : 0]) {}
  ~End() override { End::close(); }

  Awaitable<std::size_t> read_some(MutableBytes out) override {
    const auto link = link_;
    for (;;) {
      if (closed_) co_return 0;
      if (const auto got = End::try_read(out); got > 0) co_return got;
      if (link->broken || in_.fin_arrived) co_return 0;
      auto park = [this](Resumption resumption) { in_.reader = std::move(resumption); };
      co_await suspend_with(std::move(park));
    }
  }

  std::size_t try_read(MutableBytes out) override {
    if (closed_ || in_.arrived.empty()) return 0;
    auto n = std::min(out.size(), in_.arrived.size());
    if (n > 1 && link_->below(4) == 0) n = 1 + static_cast<std::size_t>(link_->below(n));  // a piece of what is there
    std::copy_n(in_.arrived.begin(), n, reinterpret_cast<char*>(out.data()));
    in_.arrived.erase(0, n);
    in_.unread -= n;
    in_.writer.post();
    return n;
  }

  Awaitable<bool> write(std::span<const server::WritePart> parts) override {
    const auto link = link_;
    for (const auto& part : parts) {
      const std::size_t size = part.file != nullptr ? part.file->size : part.bytes.size();
      for (std::size_t done = 0; done < size;) {
        while (!closed_ && !link->broken && out_.unread >= kWindow) {
          auto park = [this](Resumption resumption) { out_.writer = std::move(resumption); };
          co_await suspend_with(std::move(park));
        }
        if (closed_ || link->broken) co_return false;
        auto chunk = piece(part, done, std::min(size - done, kWindow - out_.unread));
        if (chunk.empty()) co_return false;  // the file was cut short
        done += chunk.size();
        link->send(out_, std::move(chunk));
      }
    }
    co_return !closed_ && !link->broken;
  }

  void close() noexcept override {
    if (std::exchange(closed_, true)) return;
    link_->finish(out_);
    in_.reader.post();
    out_.writer.post();
  }

 private:
  std::string piece(const server::WritePart& part, std::size_t from, std::size_t room) {
    auto n = room;
    if (n > 1 && link_->below(8) == 0) n = 1 + static_cast<std::size_t>(link_->below(n));  // the socket took a part
    if (part.file == nullptr) return std::string(as_string(part.bytes.subspan(from, n)));
    std::string bytes(n, '\0');
    const auto& file = *part.file;
    const auto got = file.read(file.owner.get(), file.position + from, MutableBytes(reinterpret_cast<std::byte*>(bytes.data()), n));
    bytes.resize(got);
    return bytes;
  }

  std::shared_ptr<Link> link_;
  Pipe& in_;
  Pipe& out_;
  bool closed_ = false;
};

/// Connections that wait to be accepted.
struct SimNetwork::Listener {
  std::uint16_t port = 0;
  bool closed = false;
  std::deque<std::shared_ptr<Link>> backlog;
  Resumption acceptor;
};

class SimNetwork::SimAcceptor final : public server::Acceptor {
 public:
  explicit SimAcceptor(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) {}
  ~SimAcceptor() override { SimAcceptor::close(); }

  [[nodiscard]] std::uint16_t port() const noexcept override { return listener_->port; }
  Awaitable<Result<server::Accepted>> accept(Executor) override {
    const auto listener = listener_;
    while (!listener->closed && listener->backlog.empty()) {
      auto park = [listener](Resumption resumption) { listener->acceptor = std::move(resumption); };
      co_await suspend_with(std::move(park));
    }
    if (listener->closed) co_return Error(ErrorCode::network_exception, "closed");
    const auto link = listener->backlog.front();
    listener->backlog.pop_front();
    server::Accepted accepted;
    accepted.transport = std::make_unique<End>(link, true);
    accepted.peer_host = "10.0.0.2";
    accepted.peer_port = static_cast<std::uint16_t>(20'000 + link->id % 40'000);
    accepted.local_host = "10.0.0.1";
    accepted.local_port = listener->port;
    co_return accepted;
  }
  void close() noexcept override {
    listener_->closed = true;
    for (const auto& link : listener_->backlog) link->reset();
    listener_->backlog.clear();
    listener_->acceptor.post();
  }

 private:
  std::shared_ptr<Listener> listener_;
};

SimNetwork::SimNetwork(Executor executor, std::uint64_t seed, NetworkWeather weather, Tap tap)
    : executor_(std::move(executor)), seed_(seed), weather_(weather), tap_(std::move(tap)) {}

SimNetwork::~SimNetwork() = default;

Result<std::unique_ptr<server::Acceptor>> SimNetwork::listen(Executor, const server::ListenerConfig& listener, int) {
  listener_ = std::make_shared<Listener>();
  listener_->port = listener.port;
  return std::unique_ptr<server::Acceptor>(std::make_unique<SimAcceptor>(listener_));
}

Awaitable<std::unique_ptr<server::Transport>> SimNetwork::connect() {
  Timer way(executor_, std::chrono::microseconds(100));
  boost::system::error_code ignored;  // nobody cancels it
  co_await way.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
  if (cut_ || !listener_ || listener_->closed) co_return nullptr;
  const auto number = next_connection_++;
  auto link = std::make_shared<Link>(executor_, number, seed_ ^ (number * 0x9e3779b97f4a7c15ULL), weather_, tap_);
  links_.push_back(link);
  listener_->backlog.push_back(link);
  listener_->acceptor.post();
  co_return std::make_unique<End>(link, false);
}

void SimNetwork::cut() {
  cut_ = true;
  for (const auto& weak : links_) {
    const auto link = weak.lock();
    if (!link) continue;
    if (link->below(2) == 0) {
      link->reset();
    } else {
      // What left the machine arrives, then the end; what comes to it goes nowhere.
      link->weather.reset_one_in = 0;
      link->finish(link->pipes[1]);
      link->finish(link->pipes[0]);
      link->pipes[0].on_its_way.clear();
      link->pipes[0].writer.post();
    }
  }
}

}  // namespace moldau::sim
