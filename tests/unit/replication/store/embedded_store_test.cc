#include "replication/store/embedded_store.h"

#include <boost/asio/steady_timer.hpp>
#include <catch2/catch.hpp>

#include <csignal>
#include <fstream>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <new>

#include "config/metric_handles.h"
#include "replication/store/memory_store.h"
#include "store_world.h"

using namespace moldau;
using namespace moldau::replication;

namespace {

std::unique_ptr<MetadataStore> open(const std::string& dir) {
  auto store = open_embedded_store(dir, system_clock());
  if (!store) FAIL(store.error().message);
  return std::move(*store);
}

struct Events final : StoreListener {
  void on_store_event(const StoreEvent& event) override {
    const std::lock_guard lock(mutex);
    seen.push_back(std::string(to_string(event.type)) + " " + event.path);
  }
  void on_session_state(SessionState state) override {
    const std::lock_guard lock(mutex);
    states.push_back(state);
  }
  std::mutex mutex;
  std::vector<std::string> seen;
  std::vector<SessionState> states;
};

}  // namespace

TEST_CASE("EmbeddedStore: keeps the tree over a restart, without the ephemeral nodes", "[store]") {
  const TempDir dir;
  std::int64_t epoch = 0;
  {
    auto store = open(dir.path());
    CHECK(run(store->ensure("/brokers/ids")).has_value());
    CHECK(run(store->create("/brokers/ids/1", "one", CreateMode::ephemeral)).has_value());
    CHECK(run(store->create("/persistent", "data")).has_value());
    CHECK(run(store->set("/persistent", "more", 0))->version == 1);
    CHECK(run(store->create("/seq_", "", CreateMode::persistent_sequential))->size() == 15);
    epoch = run(store->exists("/brokers/ids/1"))->czxid;
    store->close();
  }
  auto store = open(dir.path());
  const auto node = run(store->get("/persistent"));
  CHECK(node->data == "more");
  CHECK(node->stat.version == 1);
  CHECK(run(store->exists("/brokers/ids/1")).error() == StoreError::no_node);
  CHECK(run(store->children("/brokers"))->size() == 1);
  // A re-created broker node has a greater czxid: the broker epoch never goes back.
  CHECK(run(store->create("/brokers/ids/1", "again", CreateMode::ephemeral)).has_value());
  CHECK(run(store->exists("/brokers/ids/1"))->czxid > epoch);
}

TEST_CASE("EmbeddedStore: answers in order, events before the answers that show the change", "[store]") {
  const TempDir dir;
  auto store = open(dir.path());
  Events events;
  store->add_listener(&events);
  std::promise<std::vector<StoreResponse>> done;
  std::vector<StoreOp> ops{StoreOp::create("/a"), StoreOp::children("/a", true), StoreOp::create("/a/x"), StoreOp::children("/a")};
  bool event_first = false;
  store->submit(std::move(ops), [&](std::vector<StoreResponse> answers) {
    const std::lock_guard lock(events.mutex);
    event_first = events.seen == std::vector<std::string>{"NodeChildrenChanged /a"};
    done.set_value(std::move(answers));
  });
  const auto answers = done.get_future().get();
  CHECK(answers[1].children.empty());
  CHECK(answers[3].children == std::vector<std::string>{"x"});
  CHECK(event_first);
  store->remove_listener(&events);
  store->close();
  const auto late = run(store->create("/late"));
  CHECK(late.error() == StoreError::session_closed);
}

TEST_CASE("EmbeddedStore: what was answered survives kill -9", "[store]") {
  for (int round = 0; round < 3; ++round) {
    const TempDir dir;
    int pipe_ends[2];
    REQUIRE(pipe(pipe_ends) == 0);
    const auto child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      // Tells the parent each number after its node was answered; dies in the middle.
      auto opened = open_embedded_store(dir.path(), system_clock());
      if (!opened) _exit(1);
      static_cast<void>(run((*opened)->create("/n")));
      static_cast<void>(run((*opened)->create("/mine", "", CreateMode::ephemeral)));
      for (std::int32_t i = 0;; ++i) {
        const auto made = run((*opened)->create("/n/" + std::to_string(i), std::string(100, 'x')));
        if (!made || write(pipe_ends[1], &i, sizeof i) != sizeof i) _exit(1);
      }
    }
    close(pipe_ends[1]);
    std::int32_t last = -1;
    std::int32_t n = 0;
    while (n < 40 * (round + 1) && read(pipe_ends[0], &last, sizeof last) == sizeof last) ++n;
    kill(child, SIGKILL);
    while (read(pipe_ends[0], &n, sizeof n) == sizeof n) last = n;
    close(pipe_ends[0]);
    waitpid(child, nullptr, 0);
    REQUIRE(last >= 0);

    auto store = open(dir.path());
    const auto names = run(store->children("/n"));
    REQUIRE(names.has_value());
    CHECK(names->size() >= static_cast<std::size_t>(last) + 1);
    CHECK(names->size() <= static_cast<std::size_t>(last) + 2);
    CHECK(run(store->exists("/mine")).error() == StoreError::no_node);
  }
}

TEST_CASE("EmbeddedStore: a disk that takes no writes is a lost connection, and comes back", "[store]") {
  const TempDir dir;
  auto store = open(dir.path());
  Events events;
  store->add_listener(&events);
  CHECK(run(store->create("/a", "1")).has_value());
  // Files may not grow any more: what a full disk does.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit tight{1, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &tight);
  std::promise<StoreError> failed;
  store->submit({StoreOp::create("/b", std::string(10000, 'b'))}, [&](std::vector<StoreResponse> answers) { failed.set_value(answers[0].error); });
  CHECK(failed.get_future().get() == StoreError::connection_loss);
  // Reading goes on, and shows nothing of what failed.
  std::promise<StoreError> read_back;
  store->submit({StoreOp::exists("/b")}, [&](std::vector<StoreResponse> answers) { read_back.set_value(answers[0].error); });
  CHECK(read_back.get_future().get() == StoreError::no_node);
  setrlimit(RLIMIT_FSIZE, &before);
  CHECK(run(store->create("/b", "2")).has_value());
  CHECK(events.states.size() >= 2);
  CHECK(events.states.front() == SessionState::disconnected);
  CHECK(events.states.back() == SessionState::connected);
  store->remove_listener(&events);
}

TEST_CASE("EmbeddedStore: is found in whichever log directory holds it, and refuses two", "[store]") {
  const TempDir a;
  const TempDir b;
  CHECK(*find_embedded_store({a.path(), b.path()}) == a.path());
  { open(b.path())->close(); }
  CHECK(*find_embedded_store({a.path(), b.path()}) == b.path());
  { open(a.path())->close(); }
  const auto two = find_embedded_store({a.path(), b.path()});
  REQUIRE(two.has_error());
  CHECK(two.error().message.find(a.path()) != std::string::npos);
  CHECK(two.error().message.find(b.path()) != std::string::npos);
}

TEST_CASE("EmbeddedStore: a file that is no database is refused with its name", "[store]") {
  const TempDir dir;
  std::ofstream(dir.path() + "/moldau-metadata.db") << std::string(5000, 'z');
  const auto store = open_embedded_store(dir.path(), system_clock());
  REQUIRE(store.has_error());
  CHECK(store.error().message.find("moldau-metadata.db") != std::string::npos);
}

TEST_CASE("EmbeddedStore: a second process is turned away", "[store]") {
  const TempDir dir;
  auto store = open(dir.path());
  const auto second = open_embedded_store(dir.path(), system_clock());
  CHECK(second.has_error());
}

TEST_CASE("MetadataStore: removes a subtree, retries what a lost connection swallowed", "[store]") {
  boost::asio::io_context context;
  ManualClock clock;
  MemoryEnsemble ensemble(context.get_executor(), clock);
  auto store = ensemble.connect();
  const auto wait = [&](auto awaitable) {
    auto result = boost::asio::co_spawn(context, std::move(awaitable), boost::asio::use_future);
    context.restart();
    context.run();
    return result.get();
  };
  CHECK(wait(store->ensure("/a/b/c")).has_value());
  CHECK(wait(store->create("/a/b/d", "x")).has_value());
  // Lost at first; sent again once the store is back.
  ensemble.set_connected(*store, false);
  boost::asio::steady_timer back(context, std::chrono::milliseconds(50));
  back.async_wait([&](boost::system::error_code) { ensemble.set_connected(*store, true); });
  CHECK(wait(store->create("/a/e")).has_value());
  CHECK(wait(store->remove("/a/e")).has_value());
  CHECK(wait(store->exists("/a/e")).error() == StoreError::no_node);

  // An expired session loses its ephemeral nodes and is told.
  auto other = ensemble.connect();
  Events events;
  store->add_listener(&events);
  const auto first = store->session_id();
  CHECK(wait(store->create("/e", "", CreateMode::ephemeral)).has_value());
  ensemble.expire(*store);
  CHECK(wait(other->exists("/e")).error() == StoreError::no_node);
  CHECK(store->session_id() != first);
  CHECK(events.states == std::vector<SessionState>{SessionState::expired, SessionState::connected});
  store->remove_listener(&events);
}

TEST_CASE("EmbeddedStore: an exception on its thread is a lost connection, nothing is half done", "[store]") {
  struct BrokenClock final : Clock {
    [[nodiscard]] WallTime wall() const override {
      if (broken) throw std::bad_alloc();
      return system_clock().wall();
    }
    [[nodiscard]] SteadyTime steady() const override { return system_clock().steady(); }
    std::atomic<bool> broken{false};
  };
  struct Thrower final : StoreListener {
    void on_store_event(const StoreEvent&) override { throw std::bad_alloc(); }
  };
  const TempDir dir;
  BrokenClock clock;
  auto opened = open_embedded_store(dir.path(), clock);
  REQUIRE(opened.has_value());
  auto& store = **opened;
  CHECK(run(store.create("/a", "1")).has_value());
  clock.broken = true;
  std::promise<StoreError> failed;
  store.submit({StoreOp::set("/a", "2")}, [&](std::vector<StoreResponse> answers) { failed.set_value(answers[0].error); });
  CHECK(failed.get_future().get() == StoreError::connection_loss);
  clock.broken = false;
  CHECK(run(store.get("/a", true))->data == "1");
  // Nor does a listener end it.
  Thrower thrower;
  store.add_listener(&thrower);
  CHECK(run(store.set("/a", "3")).has_value());
  CHECK(run(store.get("/a"))->data == "3");
  store.remove_listener(&thrower);
}

TEST_CASE("EmbeddedStore: a flood that its thread can't follow is refused, not kept", "[store]") {
  boost::asio::io_context context;
  const TempDir dir;
  EmbeddedStoreOptions options;
  options.executor = context.get_executor();
  auto opened = open_embedded_store(dir.path(), system_clock(), std::move(options));
  REQUIRE(opened.has_value());
  std::map<StoreError, std::size_t> answers;
  const std::vector<StoreOp> thousand(1000, StoreOp::exists("/"));
  for (int i = 0; i < 250; ++i) (*opened)->submit(thousand, [&](std::vector<StoreResponse> got) { ++answers[got[0].error]; });
  CHECK(answers[StoreError::connection_loss] == 50);
  CHECK(config::metrics().metadata_store_queue_size.value() == 200'000);
  context.run();
  CHECK(answers[StoreError::ok] == 200);
  CHECK(config::metrics().metadata_store_queue_size.value() == 0);
  (*opened)->close();
}

TEST_CASE("MetadataStore: a store that stays away is given up after the patience, at a deadline, or when the broker stops", "[store]") {
  boost::asio::io_context context;
  ManualClock clock;
  MemoryEnsemble ensemble(context.get_executor(), clock);
  auto store = ensemble.connect();
  ensemble.set_connected(*store, false);
  const auto took = [&](std::optional<SteadyTime> deadline) {
    const auto began = std::chrono::steady_clock::now();
    auto answers = boost::asio::co_spawn(context, store->pipeline({StoreOp::create("/a")}, deadline), boost::asio::use_future);
    context.restart();
    context.run();
    CHECK(answers.get()[0].error == StoreError::connection_loss);
    return std::chrono::steady_clock::now() - began;
  };
  CHECK(took(std::chrono::steady_clock::now()) < std::chrono::milliseconds(500));
  store->set_patience(Millis(1100));
  const auto patient = took(std::nullopt);
  CHECK(patient >= std::chrono::seconds(1));
  CHECK(patient < std::chrono::seconds(3));
  // In the middle of a pause, and then before the next one.
  boost::asio::steady_timer stop(context, std::chrono::milliseconds(50));
  stop.async_wait([&](boost::system::error_code) { store->stop_retrying(); });
  CHECK(took(MetadataStore::kUntilStopped) < std::chrono::milliseconds(900));
  CHECK(took(MetadataStore::kUntilStopped) < std::chrono::milliseconds(500));
}

TEST_CASE("EmbeddedStore: a copy that is made while it is written to opens as a store of its own", "[store]") {
  const TempDir dir, copy;
  auto owner = open(dir.path());
  auto& store = *owner;
  const auto back_up = [&](const std::string& path) {
    std::promise<Status> done;
    store.back_up(path, [&](Status s) { done.set_value(std::move(s)); });
    return done.get_future().get();
  };
  const auto file = copy.path() + "/moldau-metadata.db";
  for (int i = 0; i < 200; ++i) REQUIRE(run(store.create("/n" + std::to_string(i), "v" + std::to_string(i))).has_value());
  REQUIRE(run(store.create("/passing", "x", CreateMode::ephemeral)).has_value());
  REQUIRE(back_up(file).has_value());
  REQUIRE(run(store.create("/late", "x")).has_value());
  CHECK_FALSE(std::filesystem::exists(file + ".tmp"));
  {
    auto other = open(copy.path());
    CHECK(run(other->get("/n7"))->data == "v7");
    CHECK(run(other->get("/n199"))->data == "v199");
    CHECK(run(other->get("/late")).error() == StoreError::no_node);
    CHECK(run(other->get("/passing")).error() == StoreError::no_node);  // its session is over
  }
  // It replaces one that is there, and one that can't be written harms nobody.
  std::filesystem::remove(file + "-wal");
  REQUIRE(back_up(file).has_value());
  {
    auto other = open(copy.path());
    CHECK(run(other->get("/late")).has_value());
  }
  CHECK_FALSE(back_up(copy.path() + "/nowhere/x").has_value());
  CHECK(run(store.get("/n1")).has_value());
  store.close();
  CHECK_FALSE(back_up(file).has_value());
}
