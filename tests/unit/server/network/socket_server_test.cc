#include "server/network/socket_server.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>

#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <future>
#include <memory>
#include <new>

#include "config/metric_handles.h"
#include "protocol/base/log.h"
#include "server/network/plain_network.h"

using namespace moldau;
using namespace moldau::server;
using tcp = boost::asio::ip::tcp;

namespace {

/// Answers every frame with an empty one.
class EchoDispatcher final : public Dispatcher {
 public:
  FrameKind classify(Bytes, const ConnectionInfo&) override { return FrameKind::ordinary; }
  Awaitable<Response> handle(Bytes, ConnectionInfo&, Exchange&) override {
    Response response;
    const std::array<std::byte, 4> empty{};
    response.buffer.append(empty);
    co_return response;
  }
};

ListenerConfig listener(const std::string& name, std::uint16_t port = 0) {
  ListenerConfig made;
  made.name = name;
  made.security_protocol = "PLAINTEXT";
  made.host = "127.0.0.1";
  made.port = port;
  return made;
}

struct Server {
  IoThreads threads{2};
  EchoDispatcher dispatcher;
  ConnectionQuotas quotas;
  SocketServer sockets;
  boost::asio::io_context clients;

  explicit Server(std::vector<ListenerConfig> listeners, ConnectionQuotaConfig config = {}, Network& network = plain_network())
      : quotas(std::move(config)), sockets(threads, network, dispatcher, quotas, SocketServerConfig{}) {
    REQUIRE(sockets.bind(listeners).has_value());
    sockets.start_accepting();
  }
  ~Server() {
    sockets.stop(std::chrono::milliseconds(100), [] {});
    threads.stop();
  }
  tcp::socket connect(const std::string& name) { return connect(sockets.port(name)); }
  tcp::socket connect(std::uint16_t port) {
    tcp::socket socket(clients);
    socket.connect(tcp::endpoint(boost::asio::ip::address_v4::loopback(), port));
    return socket;
  }
};

/// The connection serves: a frame is answered within the time.
bool serves(tcp::socket& socket, std::chrono::milliseconds within = std::chrono::seconds(5)) {
  const auto ms = within.count();
  const timeval time{static_cast<time_t>(ms / 1000), static_cast<suseconds_t>(ms % 1000 * 1000)};
  ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  const std::array<char, 4> empty{};
  std::array<char, 4> answer{};
  boost::system::error_code error;
  boost::asio::write(socket, boost::asio::buffer(empty), error);
  return !error && ::recv(socket.native_handle(), answer.data(), answer.size(), MSG_WAITALL) == 4;
}

/// The server closes the connection within some seconds.
bool is_closed(tcp::socket& socket) {
  const timeval time{5, 0};
  ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  char byte = 0;
  const auto got = ::recv(socket.native_handle(), &byte, 1, 0);
  return got == 0 || (got < 0 && errno == ECONNRESET);
}

/// Waits until what I/O threads were given before has run.
void settle(IoThreads& threads) {
  for (std::size_t i = 0; i < threads.size(); ++i) {
    std::promise<void> reached;
    boost::asio::post(threads.context(i), [&] { reached.set_value(); });
    reached.get_future().wait();
  }
}

}  // namespace

TEST_CASE("SocketServer: max.connections holds up new ones, and a change lets them in", "[network]") {
  ConnectionQuotaConfig limits;
  limits.max_connections = 1;
  Server server({listener("PLAINTEXT")}, limits);
  auto first = server.connect("PLAINTEXT");
  REQUIRE(serves(first));
  auto second = server.connect("PLAINTEXT");
  CHECK_FALSE(serves(second, std::chrono::milliseconds(200)));
  limits.max_connections = 2;
  server.sockets.update_quotas(limits);
  std::array<char, 4> answer{};
  const timeval time{5, 0};
  ::setsockopt(second.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  CHECK(::recv(second.native_handle(), answer.data(), answer.size(), MSG_WAITALL) == 4);
  auto third = server.connect("PLAINTEXT");
  CHECK_FALSE(serves(third, std::chrono::milliseconds(200)));
  first.close();  // one that goes makes room too
  ::setsockopt(third.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  CHECK(::recv(third.native_handle(), answer.data(), answer.size(), MSG_WAITALL) == 4);
}

TEST_CASE("SocketServer: a lower max.connections closes the least recently used", "[network]") {
  Server server({listener("PLAINTEXT")});
  std::vector<tcp::socket> sockets;
  for (int i = 0; i < 4; ++i) {
    sockets.push_back(server.connect("PLAINTEXT"));
    REQUIRE(serves(sockets.back()));
  }
  REQUIRE(serves(sockets[0]));  // now the second and third are the oldest
  ConnectionQuotaConfig limits;
  limits.max_connections = 2;
  server.sockets.update_quotas(limits);
  CHECK(is_closed(sockets[1]));
  CHECK(is_closed(sockets[2]));
  CHECK(serves(sockets[0]));
  CHECK(serves(sockets[3]));
  settle(server.threads);
  CHECK(server.quotas.count() == 2);
}

TEST_CASE("SocketServer: the listener between brokers drives out connections of the others", "[network]") {
  ConnectionQuotaConfig limits;
  limits.max_connections = 2;
  limits.inter_broker_listener = "INTERNAL";
  Server server({listener("INTERNAL"), listener("CLIENT")}, limits);
  auto oldest = server.connect("CLIENT");
  REQUIRE(serves(oldest));
  auto younger = server.connect("CLIENT");
  REQUIRE(serves(younger));
  auto broker = server.connect("INTERNAL");
  REQUIRE(serves(broker));
  CHECK(is_closed(oldest));
  CHECK(serves(younger));
  CHECK(serves(broker));
}

TEST_CASE("SocketServer: max.connections.per.ip changes at once", "[network]") {
  Server server({listener("PLAINTEXT")});
  auto first = server.connect("PLAINTEXT");
  REQUIRE(serves(first));
  ConnectionQuotaConfig limits;
  limits.max_connections_per_ip = 1;
  server.sockets.update_quotas(limits);
  auto second = server.connect("PLAINTEXT");
  CHECK_FALSE(serves(second));
  limits.per_ip_overrides["127.0.0.1"] = 2;
  server.sockets.update_quotas(limits);
  auto third = server.connect("PLAINTEXT");
  CHECK(serves(third));
}

TEST_CASE("SocketServer: a creation rate delays connections, it refuses none", "[network]") {
  ConnectionQuotaConfig limits;
  limits.creation_rate = 1;
  limits.windows = {2, std::chrono::milliseconds(300)};  // each waits for the 300 ms that are the bound
  Server server({listener("PLAINTEXT")}, limits);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 4; ++i) {
    auto socket = server.connect("PLAINTEXT");
    CHECK(serves(socket));
  }
  CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(600));
}

TEST_CASE("SocketServer: listeners come, move and go while it runs", "[network]") {
  Server server({listener("PLAINTEXT")});
  const auto old_port = server.sockets.port("PLAINTEXT");
  auto stays = server.connect("PLAINTEXT");
  REQUIRE(serves(stays));
  CHECK(server.sockets.change_listeners({listener("PLAINTEXT"), listener("MORE")}).empty());
  auto more = server.connect("MORE");
  CHECK(serves(more));
  CHECK(serves(stays));

  CHECK(server.sockets.change_listeners({listener("PLAINTEXT")}).empty());
  CHECK(server.sockets.port("MORE") == 0);
  CHECK_FALSE(serves(more));
  CHECK(serves(stays));

  const auto taken = tcp::acceptor(server.clients, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  const auto failed = server.sockets.change_listeners({listener("PLAINTEXT", taken.local_endpoint().port())});
  REQUIRE(failed.size() == 1);
  CHECK_THAT(failed.front().message, Catch::Contains("PLAINTEXT"));
  CHECK(serves(stays));  // the old address stays

  tcp::acceptor probe(server.clients, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  const auto free_port = probe.local_endpoint().port();
  probe.close();
  CHECK(server.sockets.change_listeners({listener("PLAINTEXT", free_port)}).empty());
  CHECK(server.sockets.port("PLAINTEXT") == free_port);
  auto moved = server.connect(free_port);
  CHECK(serves(moved));
  CHECK_FALSE(serves(stays));
  boost::system::error_code error;
  tcp::socket(server.clients).connect(tcp::endpoint(boost::asio::ip::address_v4::loopback(), old_port), error);
  CHECK(error);
}

TEST_CASE("SocketServer: socket buffers as configured", "[network]") {
  auto small = listener("SMALL");
  small.receive_buffer_bytes = 20'000;
  small.send_buffer_bytes = 30'000;
  boost::asio::io_context context;
  const auto acceptor = plain_network().listen(context.get_executor(), small, 50);
  REQUIRE(acceptor.has_value());
  // The window that a client is offered is cut from the buffer.
  tcp::socket client(context);
  client.connect(tcp::endpoint(boost::asio::ip::address_v4::loopback(), (*acceptor)->port()));
  client.non_blocking(true);
  const std::vector<char> block(64 * 1024);
  std::size_t sent = 0;
  boost::system::error_code error;
  client.set_option(boost::asio::socket_base::send_buffer_size(10'000));
  while (!error) sent += client.write_some(boost::asio::buffer(block), error);
  CHECK(sent < 200'000);  // the system's own tuning takes megabytes
}

TEST_CASE("SocketServer: an exception while accepting does not end the listener", "[network]") {
  set_log_level(LogCategory::network, "off");
  struct Flaky final : Acceptor {
    Flaky(std::unique_ptr<Acceptor> a, std::atomic<int>& f) : real(std::move(a)), failures(f) {}
    [[nodiscard]] std::uint16_t port() const noexcept override { return real->port(); }
    Awaitable<Result<Accepted>> accept(Executor home) override {
      auto accepted = co_await real->accept(home);
      if (accepted && failures.fetch_sub(1) > 0) throw std::bad_alloc();
      co_return accepted;
    }
    void close() noexcept override { real->close(); }
    std::unique_ptr<Acceptor> real;
    std::atomic<int>& failures;
  };
  struct FlakyNetwork final : Network {
    Result<std::unique_ptr<Acceptor>> listen(Executor executor, const ListenerConfig& config, int backlog) override {
      auto real = plain_network().listen(executor, config, backlog);
      if (!real) return real.error();
      return std::unique_ptr<Acceptor>(std::make_unique<Flaky>(std::move(*real), failures));
    }
    std::atomic<int> failures{1};
  } network;
  Server server({listener("PLAINTEXT")}, {}, network);
  auto lost = server.connect("PLAINTEXT");
  CHECK(is_closed(lost));
  auto next = server.connect("PLAINTEXT");
  CHECK(serves(next));
  set_log_level(LogCategory::network, "info");
}

TEST_CASE("SocketServer: the metrics know each connection from its coming to its going", "[network]") {
  ConnectionQuotaConfig limits;
  limits.max_connections = 2;
  Server server({listener("COUNTED")}, limits);
  const auto open = [] {
    double sum = 0;
    for (const auto* thread : {"0", "1"}) sum += config::metrics().connection_count.with({"COUNTED", thread}).value();
    return sum;
  };
  auto first = server.connect("COUNTED");
  auto second = server.connect("COUNTED");
  REQUIRE((serves(first) && serves(second)));
  CHECK(open() == 2);
  auto third = server.connect("COUNTED");
  second.close();
  CHECK(serves(third));  // in the place of the second
  CHECK(open() == 2);
  CHECK(server.quotas.count() == 2);
}
