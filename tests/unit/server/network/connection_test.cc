#include "server/network/connection.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <deque>
#include <functional>
#include <map>
#include <string>

#include "protocol/base/suspend.h"

using namespace moldau;
using namespace moldau::server;

namespace {

/// What the connection wrote, and what the test feeds it.
struct Wire {
  std::deque<std::string> incoming;
  std::string written;
  bool closed = false;
  bool ended = false;  ///< The peer has closed its sending side.
  Resumption reader;
  void feed(std::string bytes) {
    incoming.push_back(std::move(bytes));
    wake();
  }
  void wake() {
    if (reader) reader.post();
  }
};

class WireTransport final : public Transport {
 public:
  explicit WireTransport(Wire& wire) : wire_(wire) {}

  Awaitable<std::size_t> read_some(MutableBytes out) override {
    for (;;) {
      if (const auto got = try_read(out); got > 0) co_return got;
      if (wire_.closed || wire_.ended) co_return 0;
      auto park = [this](Resumption resumption) { wire_.reader = std::move(resumption); };
      co_await suspend_with(std::move(park));
    }
  }
  std::size_t try_read(MutableBytes out) override {
    if (wire_.closed || wire_.incoming.empty()) return 0;
    auto& front = wire_.incoming.front();
    const auto n = std::min(front.size(), out.size());
    std::memcpy(out.data(), front.data(), n);
    front.erase(0, n);
    if (front.empty()) wire_.incoming.pop_front();
    return n;
  }
  Awaitable<bool> write(std::span<const WritePart> parts) override {
    for (const auto& part : parts) {
      if (part.file != nullptr) {
        wire_.written += "<file " + std::to_string(part.file->size) + ">";
      } else {
        wire_.written += as_string(part.bytes);
      }
    }
    co_return !wire_.closed;
  }
  void close() noexcept override {
    wire_.closed = true;
    wire_.wake();
  }

 private:
  Wire& wire_;
};

Splice file_at(std::size_t at, std::uint32_t size) {
  Splice splice;
  splice.at = at;
  splice.range.size = size;
  return splice;
}

/// Frames are texts: the first letter says the kind ('p' overlaps, 'x' is refused), the answer is the text in brackets. Frames
/// named in `hold` wait until the test lets them go, after releasing the order when they begin with 'p'.
class TextDispatcher final : public Dispatcher {
 public:
  FrameKind classify(Bytes frame, const ConnectionInfo&) override {
    const auto text = as_string(frame);
    if (text.starts_with("x")) return FrameKind::refused;
    return text.starts_with("p") ? FrameKind::overlapping : FrameKind::ordinary;
  }
  Awaitable<Response> handle(Bytes frame, ConnectionInfo&, Exchange& exchange) override {
    const std::string text(as_string(frame));
    started += text + " ";
    Response response;
    if (hold.contains(text)) {
      if (text.starts_with("p")) exchange.release_order();
      auto park = [this, &text](Resumption resumption) { held[text] = std::move(resumption); };
      co_await suspend_with(std::move(park));
    }
    response.buffer.append(as_bytes("[" + text + "]"));
    response.send = !text.ends_with("silent");
    response.close = text.ends_with("last");
    if (text.ends_with("file")) response.splices.push_back(file_at(1, 42));
    co_return response;
  }
  void let_go(const std::string& text) {
    held.at(text).post();
    held.erase(text);
  }

  std::string started;
  std::map<std::string, bool> hold;
  std::map<std::string, Resumption> held;
};

std::string frame(std::string_view text) {
  std::string bytes(4, '\0');
  store_be(reinterpret_cast<std::byte*>(bytes.data()), static_cast<std::int32_t>(text.size()));
  return bytes + std::string(text);
}

struct Bench {
  boost::asio::io_context context;
  Wire wire;
  TextDispatcher dispatcher;
  MemoryBudget budget;
  std::shared_ptr<Connection> connection;
  bool ended = false;
  int closed = 0;

  explicit Bench(std::int64_t memory = -1) : budget(memory) {
    connection = std::make_shared<Connection>(std::make_unique<WireTransport>(wire), ConnectionInfo{}, dispatcher, budget, ConnectionLimits{1000000},
                                              context.get_executor(), [this](Connection&) { ++closed; });
    boost::asio::co_spawn(context, connection->run(), [this](const std::exception_ptr&) { ended = true; });
  }
  ~Bench() {
    if (!ended) {
      connection->close();
      for (auto& [text, resume] : dispatcher.held) resume.post();
      dispatcher.held.clear();
      run();
    }
  }
  void run() {
    context.restart();
    context.poll();
  }
  void run_for(std::chrono::milliseconds time) {
    context.restart();
    context.run_for(time + std::chrono::milliseconds(200));
  }
};

}  // namespace

TEST_CASE("Connection: answers frames that arrive in pieces and together", "[network]") {
  Bench bench;
  const auto two = frame("a") + frame("b");
  bench.wire.feed(two.substr(0, 3));
  bench.run();
  bench.wire.feed(two.substr(3, 4));
  bench.run();
  bench.wire.feed(two.substr(7));
  bench.run();
  REQUIRE(bench.wire.written == "[a][b]");
}

TEST_CASE("Connection: a frame larger than the inbox comes whole", "[network]") {
  Bench bench;
  const std::string big(100'000, 'q');
  bench.wire.feed(frame(big).substr(0, 5000));
  bench.run();
  bench.wire.feed(frame(big).substr(5000) + frame("z"));
  bench.run();
  REQUIRE(bench.wire.written == "[" + big + "][z]");
}

TEST_CASE("Connection: an ordinary request waits for the one before", "[network]") {
  Bench bench;
  bench.dispatcher.hold["a"] = true;
  bench.wire.feed(frame("a") + frame("b"));
  bench.run();
  REQUIRE(bench.dispatcher.started == "a ");
  bench.dispatcher.let_go("a");
  bench.run();
  REQUIRE(bench.wire.written == "[a][b]");
}

TEST_CASE("Connection: Produce overlaps Produce, answers keep their order, others wait", "[network]") {
  Bench bench;
  bench.dispatcher.hold["p1"] = true;
  bench.wire.feed(frame("p1") + frame("p2") + frame("c") + frame("p3"));
  bench.run();
  REQUIRE(bench.dispatcher.started == "p1 p2 ");
  REQUIRE(bench.wire.written.empty());
  bench.dispatcher.let_go("p1");
  bench.run();
  REQUIRE(bench.wire.written == "[p1][p2][c][p3]");
}

TEST_CASE("Connection: refuses bad lengths and refused frames by closing", "[network]") {
  for (const auto& bad : {frame("xyz"), std::string("\xff\xff\xff\xff", 4), std::string("\x7f\xff\xff\xff", 4)}) {
    Bench bench;
    bench.wire.feed(frame("a") + bad + frame("b"));
    bench.run();
    REQUIRE(bench.ended);
    REQUIRE(bench.wire.closed);
    REQUIRE(bench.wire.written == "[a]");
  }
}

TEST_CASE("Connection: an answer may be withheld, or be the last", "[network]") {
  Bench bench;
  bench.wire.feed(frame("p-silent") + frame("a") + frame("the-last") + frame("b"));
  bench.run();
  REQUIRE(bench.wire.written == "[a][the-last]");
  REQUIRE(bench.ended);
}

TEST_CASE("Connection: file ranges go out at their places", "[network]") {
  Bench bench;
  bench.wire.feed(frame("a-file"));
  bench.run();
  REQUIRE(bench.wire.written == "[<file 42>a-file]");
}

TEST_CASE("Connection: finish() answers what is in flight first", "[network]") {
  Bench bench;
  bench.dispatcher.hold["a"] = true;
  bench.wire.feed(frame("a"));
  bench.run();
  bench.connection->finish();
  bench.run();
  REQUIRE_FALSE(bench.wire.closed);
  bench.dispatcher.let_go("a");
  bench.run();
  REQUIRE(bench.wire.written == "[a]");
  REQUIRE(bench.ended);
}

TEST_CASE("Connection: a peer that closes ends it, also within a frame", "[network]") {
  Bench bench;
  bench.wire.feed(frame("abcdef").substr(0, 7));
  bench.run();
  bench.wire.closed = true;
  bench.wire.wake();
  bench.run();
  REQUIRE(bench.ended);
}

TEST_CASE("Connection: the peer's end is seen while a request is held", "[network]") {
  Bench bench;
  bench.dispatcher.hold["a"] = true;
  bench.wire.feed(frame("a"));
  bench.run();
  REQUIRE(bench.dispatcher.started == "a ");
  bench.wire.ended = true;
  bench.wire.wake();
  bench.run();
  REQUIRE_FALSE(bench.wire.closed);  // it may have closed its sending side only
  bench.run_for(Connection::kEndedGrace);
  REQUIRE(bench.wire.closed);
  REQUIRE(bench.closed == 1);  // the socket is gone, though its request is still worked on
  REQUIRE_FALSE(bench.ended);
  bench.dispatcher.let_go("a");
  bench.run();
  REQUIRE(bench.ended);
  REQUIRE(bench.wire.written.empty());
  REQUIRE(bench.closed == 1);
}

TEST_CASE("Connection: who closes the sending side only still gets the answer", "[network]") {
  Bench bench;
  for (const std::string name : {"a", "p"}) {
    bench.dispatcher.hold[name] = true;
    bench.wire.feed(frame(name));
  }
  bench.run();
  bench.dispatcher.let_go("a");
  bench.run();
  bench.wire.ended = true;
  bench.wire.wake();
  bench.run();
  bench.dispatcher.let_go("p");
  bench.run();
  REQUIRE(bench.wire.written == "[a][p]");
  REQUIRE(bench.ended);
}

TEST_CASE("Connection: what comes behind a held request waits in the inbox, no more is read", "[network]") {
  Bench bench;
  bench.dispatcher.hold["a"] = true;
  bench.wire.feed(frame("a"));
  bench.run();
  bench.wire.feed(frame(std::string(5000, 'b')));
  bench.run();
  REQUIRE(bench.wire.incoming.size() == 1);  // the rest stays with the peer
  REQUIRE(bench.dispatcher.started == "a ");
  bench.dispatcher.let_go("a");
  bench.run();
  REQUIRE(bench.wire.written == "[a][" + std::string(5000, 'b') + "]");
}

TEST_CASE("Connection: a request that waits holds nothing of the memory budget", "[network]") {
  // As the members of a group: each JoinGroup waits for the others. And a Produce in order, which waits for a follower's Fetch.
  for (const std::string name : {"a", "p"}) {
    Bench bench(1);
    bench.dispatcher.hold[name] = true;
    bench.wire.feed(frame(name));
    bench.run();
    REQUIRE(bench.dispatcher.held.contains(name));
    std::optional<MemoryBudget::Hold> other;
    const auto taker = [&]() -> Awaitable<void> { other = co_await bench.budget.take(1); };
    boost::asio::co_spawn(bench.context, taker(), [](const std::exception_ptr&) {});
    bench.run();
    CHECK(other);
    bench.dispatcher.let_go(name);
    bench.run();
    CHECK(bench.wire.written == "[" + name + "]");
  }
}

TEST_CASE("Connection: a frame holds the memory budget until its request waits or ends", "[network]") {
  Bench bench(1);
  bench.wire.feed(frame("abcdef").substr(0, 7));
  bench.run();
  std::optional<MemoryBudget::Hold> other;
  const auto taker = [&]() -> Awaitable<void> { other = co_await bench.budget.take(1); };
  boost::asio::co_spawn(bench.context, taker(), [](const std::exception_ptr&) {});
  bench.run();
  CHECK_FALSE(other);
  bench.wire.feed("def");
  bench.run();
  CHECK(other);
  CHECK(bench.wire.written == "[abcdef]");
}

TEST_CASE("MemoryBudget: lets one in while any is left, then makes the next wait", "[network]") {
  boost::asio::io_context context;
  MemoryBudget budget(100);
  std::string log;
  std::optional<MemoryBudget::Hold> first;
  const auto taker = [&](std::string name, std::int64_t bytes, std::optional<MemoryBudget::Hold>& into) -> Awaitable<void> {
    into = co_await budget.take(bytes);
    log += name + " ";
  };
  std::optional<MemoryBudget::Hold> second;
  boost::asio::co_spawn(context, taker("first", 1000, first), [](const std::exception_ptr&) {});
  boost::asio::co_spawn(context, taker("second", 10, second), [](const std::exception_ptr&) {});
  context.poll();
  REQUIRE(log == "first ");
  first.reset();
  context.restart();
  context.poll();
  REQUIRE(log == "first second ");
}
