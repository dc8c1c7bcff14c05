#include "server/http/http_server.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>

#include <atomic>
#include <optional>
#include <string>

using namespace moldau;
using namespace moldau::server;
using tcp = boost::asio::ip::tcp;

namespace {

/// An address of this machine that is not loopback: who comes by it is a stranger.
std::optional<boost::asio::ip::address> outer_address() {
  ifaddrs* list = nullptr;
  std::optional<boost::asio::ip::address> found;
  if (::getifaddrs(&list) != 0) return found;
  for (const ifaddrs* i = list; i != nullptr && !found; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_addr->sa_family != AF_INET) continue;
    const boost::asio::ip::address_v4 address(ntohl(reinterpret_cast<const sockaddr_in*>(i->ifa_addr)->sin_addr.s_addr));
    if (!address.is_loopback()) found = address;
  }
  ::freeifaddrs(list);
  return found;
}

struct Http {
  boost::asio::thread_pool pool{1};
  HttpServer server;

  explicit Http(std::string_view remote, HttpLimits limits = {}) : server(pool.get_executor(), parse_http_remote_access(remote), limits) {
    server.route("/metrics", HttpAudience::everyone, [] { return HttpReply{200, "text/plain", "a_metric 1\n"}; });
    server.route("/api/topics", HttpAudience::this_machine, [] { return HttpReply{200, "text/plain", "secret\n"}; });
    REQUIRE(server.listen("0.0.0.0", 0).has_value());
  }
  ~Http() {
    server.stop();
    pool.stop();
    pool.join();
  }
  /// All that comes back until the connection ends.
  std::string ask(const boost::asio::ip::address& by, const std::string& request) {
    boost::asio::io_context context;
    tcp::socket socket(context);
    socket.connect(tcp::endpoint(by, server.port()));
    boost::asio::write(socket, boost::asio::buffer(request));
    std::string answer;
    boost::system::error_code end;
    boost::asio::read(socket, boost::asio::dynamic_buffer(answer), end);
    return answer;
  }
  /// Status and body of a GET by this address of the machine; a client's own address is the one it goes to.
  std::string get(const boost::asio::ip::address& by, const std::string& path) {
    const auto answer = ask(by, "GET " + path + " HTTP/1.0\r\n\r\n");
    return answer.substr(answer.find(' ') + 1, 3) + " " + answer.substr(answer.find("\r\n\r\n") + 4);
  }
};

const boost::asio::ip::address kLoopback = boost::asio::ip::address_v4::loopback();

}  // namespace

TEST_CASE("HttpServer: this machine's loopback gets everything", "[http]") {
  for (const auto* remote : {"none", "metrics", "all"}) {
    Http http(remote);
    CHECK(http.get(kLoopback, "/metrics?x=1") == "200 a_metric 1\n");
    CHECK(http.get(kLoopback, "/api/topics") == "200 secret\n");
    CHECK(http.get(kLoopback, "/nothing").starts_with("404"));
  }
}

TEST_CASE("HttpServer: what is no request is told so", "[http]") {
  Http http("all");
  const auto status = [&](const std::string& request) { return http.ask(kLoopback, request).substr(0, 12); };
  CHECK(status("GET /metrics HTTP/9.9\r\n\r\n") == "HTTP/1.1 400");
  CHECK(status(std::string(1000, '\0') + "\r\n\r\n") == "HTTP/1.1 400");
  CHECK(status("POST /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n") == "HTTP/1.1 400");
  CHECK(status("GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n") == "HTTP/1.1 400");
  CHECK(status("POST /metrics HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n") == "HTTP/1.1 413");
  CHECK(status("GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\n\r\n") == "HTTP/1.1 431");
}

TEST_CASE("HttpServer: HEAD tells the length and sends nothing", "[http]") {
  Http http("all");
  const auto answer = http.ask(kLoopback, "HEAD /metrics HTTP/1.0\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.0 200"));
  CHECK(answer.find("Content-Length: 11\r\n") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\n"));
}

TEST_CASE("HttpServer: strangers get what http.remote.access says", "[http]") {
  const auto outer = outer_address();
  if (!outer) {
    WARN("this machine has no address but loopback");
    return;
  }
  Http closed("none");
  CHECK(closed.get(*outer, "/metrics").starts_with("403"));
  CHECK(closed.get(*outer, "/api/topics").starts_with("403"));
  Http metrics("metrics");
  CHECK(metrics.get(*outer, "/metrics") == "200 a_metric 1\n");
  CHECK_THAT(metrics.get(*outer, "/api/topics"), Catch::StartsWith("403") && Catch::Contains("http.remote.access") && !Catch::Contains("secret"));
  CHECK(metrics.get(*outer, "/nothing").starts_with("403"));
  Http open("all");
  CHECK(open.get(*outer, "/api/topics") == "200 secret\n");
}

namespace {

/// A client that has connected, and asks when the test says so.
struct Client {
  boost::asio::io_context context;
  tcp::socket socket{context};
  explicit Client(std::uint16_t port) { socket.connect(tcp::endpoint(kLoopback, port)); }
  /// The rest of the connection: empty when the server closes without an answer.
  std::string read_to_end() {
    std::string text;
    boost::system::error_code end;
    boost::asio::read(socket, boost::asio::dynamic_buffer(text), end);
    return text;
  }
};

}  // namespace

TEST_CASE("HttpServer: clients that only connect keep nobody out", "[http]") {
  HttpLimits limits;
  limits.sessions = 2;
  limits.first_request = std::chrono::minutes(1);
  Http http("metrics", limits);
  Client longest(http.server.port());
  Client other(http.server.port());
  CHECK(http.get(kLoopback, "/metrics") == "200 a_metric 1\n");
  CHECK(longest.read_to_end().empty());
  boost::asio::write(other.socket, boost::asio::buffer(std::string("GET /metrics HTTP/1.0\r\n\r\n")));
  CHECK_THAT(other.read_to_end(), Catch::EndsWith("a_metric 1\n"));
}

TEST_CASE("HttpServer: who sends no request is closed after a short while", "[http]") {
  HttpLimits limits;
  limits.first_request = std::chrono::milliseconds(50);
  limits.request = std::chrono::hours(1);
  Http http("metrics", limits);
  Client silent(http.server.port());
  CHECK(silent.read_to_end().empty());
}

TEST_CASE("HttpServer: what acts is asked by POST, and by no web page", "[http]") {
  boost::asio::thread_pool pool{1};
  HttpServer server(pool.get_executor());
  std::atomic<int> done{0};
  server.route("/api/do", HttpAudience::this_machine, [&] { return HttpReply{200, "text/plain", std::to_string(++done)}; }, HttpUse::acts);
  server.route("/api/read", HttpAudience::this_machine, [] { return HttpReply{200, "text/plain", "read"}; });
  REQUIRE(server.listen("127.0.0.1", 0).has_value());
  const auto status = [&](const std::string& request) {
    boost::asio::io_context context;
    tcp::socket socket(context);
    socket.connect(tcp::endpoint(kLoopback, server.port()));
    boost::asio::write(socket, boost::asio::buffer(request));
    std::string answer;
    boost::system::error_code end;
    boost::asio::read(socket, boost::asio::dynamic_buffer(answer), end);
    return answer.substr(9, 3);
  };
  CHECK(status("GET /api/do HTTP/1.0\r\n\r\n") == "405");
  CHECK(status("HEAD /api/do HTTP/1.0\r\n\r\n") == "405");
  CHECK(status("POST /api/do HTTP/1.0\r\nOrigin: http://elsewhere\r\nContent-Length: 0\r\n\r\n") == "405");
  CHECK(status("POST /api/read HTTP/1.0\r\nContent-Length: 0\r\n\r\n") == "405");
  CHECK(done == 0);
  CHECK(status("POST /api/do HTTP/1.0\r\nContent-Length: 0\r\n\r\n") == "200");
  CHECK(done == 1);
  CHECK(status("GET /api/read HTTP/1.0\r\n\r\n") == "200");
  server.stop();
  pool.stop();
  pool.join();
}
