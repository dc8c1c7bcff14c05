// ConfigAdmin against changes that come while it looks something up.
#include "replication/admin/config_admin.h"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

using namespace moldau;
using namespace moldau::replication;

namespace {

/// A store that keeps its answers back: each is what the node held when it was asked.
class SlowStore final : public MetadataStore {
 public:
  void submit(std::vector<StoreOp> ops, Completion done) override {
    const std::lock_guard lock(mutex_);
    StoreResponse answer;
    answer.data = node;
    held_.emplace_back(std::move(done), std::vector<StoreResponse>(ops.size(), answer));
    asked_.notify_all();
  }
  [[nodiscard]] std::int64_t session_id() const override { return 1; }
  void add_listener(StoreListener*) override {}
  void remove_listener(StoreListener*) override {}
  void close() override {}

  void wait_until_asked() {
    std::unique_lock lock(mutex_);
    REQUIRE(asked_.wait_for(lock, std::chrono::seconds(20), [&] { return !held_.empty(); }));
  }
  void answer() {
    std::unique_lock lock(mutex_);
    auto [done, responses] = std::move(held_.front());
    held_.erase(held_.begin());
    lock.unlock();
    done(std::move(responses));
  }

  std::string node;  // of every path

 private:
  std::mutex mutex_;
  std::condition_variable asked_;
  std::vector<std::pair<Completion, std::vector<StoreResponse>>> held_;
};

struct Fixture {
  boost::asio::io_context context;
  ManualClock clock;
  SlowStore store;
  MetadataCache metadata{BrokerId(1)};
  config::DynamicConfig config{config::Settings{{"log.retention.ms", "777"}}};
  std::shared_ptr<ConfigAdmin> configs = ConfigAdmin::make(ConfigAdminDeps{.self = BrokerId(1),
                                                                           .store = store,
                                                                           .metadata = metadata,
                                                                           .config = config,
                                                                           .clock = clock,
                                                                           .executor = context.get_executor(),
                                                                           .apply_topic = {},
                                                                           .apply_default = {},
                                                                           .unclean_enabled = {}});

  void put_node(const std::string& retention_ms) { store.node = znodes::encode_config({{"retention.ms", retention_ms}}); }
  /// Asks on a thread of its own, as the creation of a log does.
  std::future<std::int64_t> ask() {
    return std::async(std::launch::async, [this] { return configs->log_config("t")->retention_ms; });
  }
};

}  // namespace

TEST_CASE("ConfigAdmin: a change that comes while a topic's configuration is read is not lost", "[admin]") {
  Fixture f;
  f.put_node("1000");
  auto asked = f.ask();
  f.store.wait_until_asked();
  f.configs->put_topic("t", {{"retention.ms", "5000"}});
  f.store.answer();
  CHECK(asked.get() == 5000);
  CHECK(f.configs->log_config("t")->retention_ms == 5000);
  CHECK(f.configs->topic_settings("t") == config::Settings{{"retention.ms", "5000"}});
}

TEST_CASE("ConfigAdmin: a topic that goes while its configuration is read leaves nothing behind", "[admin]") {
  Fixture f;
  f.put_node("1000");
  auto asked = f.ask();
  f.store.wait_until_asked();
  f.configs->forget_topic("t");
  f.store.node.clear();
  f.store.answer();
  f.store.wait_until_asked();  // looks again
  f.store.answer();
  CHECK(asked.get() == 777);
  CHECK(f.configs->topic_settings("t").empty());
}
