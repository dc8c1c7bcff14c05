#include "replication/metadata/metadata_cache.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <catch2/catch.hpp>

#include <atomic>
#include <optional>
#include <thread>

#include "protocol/messages/update_metadata.h"

using namespace moldau;
using namespace moldau::replication;

namespace {

const TopicId kId{1, 2};

struct Update {
  Arena arena;
  protocol::UpdateMetadataRequest request;

  Update() { request.controller_id = BrokerId(1); }
  Update& broker(int id) {
    auto& b = request.live_brokers.add(arena);
    b.id = BrokerId(id);
    b.rack.reset();
    auto& e = b.endpoints.add(arena);
    e.listener = "PLAINTEXT";
    e.host = "h";
    e.port = 9000 + id;
    return *this;
  }
  Update& topic(std::string_view name, TopicId id = kId) {
    auto& t = request.topic_states.add(arena);
    t.topic_name = name;
    t.topic_id = id;
    return *this;
  }
  Update& partition(int index, int leader, int epoch = 0) {
    auto& p = request.topic_states.back().partition_states.add(arena);
    p.partition_index = index;
    p.leader = BrokerId(leader);
    p.leader_epoch = LeaderEpoch(epoch);
    p.replicas.push_back(arena, BrokerId(1));
    p.replicas.push_back(arena, BrokerId(2));
    p.isr.push_back(arena, BrokerId(1));
    return *this;
  }
};

}  // namespace

TEST_CASE("MetadataCache: a delta of topics, a whole list of brokers", "[metadata]") {
  MetadataCache cache(BrokerId(1));
  CHECK_FALSE(cache.controller_id());
  Update first;
  first.broker(1).broker(2).topic("t").partition(0, 1).partition(1, 2, 5);
  auto delta = cache.apply(first.request);
  CHECK(delta.brokers_changed);
  CHECK(delta.updated_topics == std::vector<std::string>{"t"});
  CHECK(cache.partition_count("t") == 2);
  CHECK(cache.leader({"t", 1})->leader == BrokerId(2));
  CHECK(cache.leader({"t", 1})->epoch == LeaderEpoch(5));
  CHECK(cache.topic_name(kId) == "t");
  CHECK(cache.topic_id("t") == kId);
  CHECK(cache.contains(TopicPartitionView("t", 1)));
  CHECK_FALSE(cache.contains(TopicPartitionView("t", 2)));
  const auto before = cache.image();

  Update second;
  second.broker(1).topic("t").partition(1, 1, 6);
  delta = cache.apply(second.request);
  CHECK(cache.is_alive(BrokerId(1)));
  CHECK_FALSE(cache.is_alive(BrokerId(2)));
  CHECK(cache.leader({"t", 0})->leader == BrokerId(1));
  CHECK(cache.leader({"t", 1})->epoch == LeaderEpoch(6));
  // Who holds an image sees no change.
  CHECK(before->partition({"t", 1})->leader_epoch == LeaderEpoch(5));
  CHECK(before->brokers().size() == 2);
  CHECK(before->partition({"t", 1})->replicas.size() == 2);
  CHECK(cache.image()->endpoint(BrokerId(1), "PLAINTEXT")->port == 9001);
  CHECK(cache.image()->endpoint(BrokerId(1), "SSL") == nullptr);
}

TEST_CASE("MetadataCache: leader -2 deletes, and the listeners are told", "[metadata]") {
  MetadataCache cache(BrokerId(1));
  std::vector<std::string> gone;
  cache.add_listener([&](const MetadataDelta& delta, const MetadataImage&) { gone = delta.deleted_topics; });
  Update made;
  made.broker(1).topic("t").partition(0, 1).partition(1, 1).topic("u", TopicId{3, 4}).partition(0, 1);
  cache.apply(made.request);
  CHECK(cache.image()->topic_count() == 2);
  CHECK(cache.image()->partition_count() == 3);
  Update half;
  half.broker(1).topic("t").partition(0, -2);
  const auto delta = cache.apply(half.request);
  CHECK(delta.deleted_partitions == std::vector<TopicPartition>{{"t", 0}});
  CHECK(gone.empty());
  CHECK(cache.partition_count("t") == 1);
  CHECK(cache.leader({"t", 1}));
  Update rest;
  rest.broker(1).topic("t").partition(1, -2);
  cache.apply(rest.request);
  CHECK(gone == std::vector<std::string>{"t"});
  CHECK_FALSE(cache.contains("t"));
  CHECK_FALSE(cache.topic_name(kId));
  CHECK(cache.image()->partition_count() == 1);
  // A topic of the same name under a new id.
  Update again;
  again.broker(1).topic("t", TopicId{9, 9}).partition(0, 1);
  cache.apply(again.request);
  CHECK(cache.topic_name(TopicId{9, 9}) == "t");
}

TEST_CASE("MetadataCache: waiters are woken when the leaders are live, or at their deadline", "[metadata]") {
  boost::asio::io_context context;
  MetadataCache cache(BrokerId(1));
  int woken = 0;
  int late = 0;
  const auto wait = [&](std::string topic, Millis timeout) -> Awaitable<void> {
    const bool good = co_await cache.wait_for_leaders(std::move(topic), 2, timeout);
    ++(good ? woken : late);
  };
  boost::asio::co_spawn(context, wait("t", Millis(10'000)), boost::asio::detached);
  boost::asio::co_spawn(context, wait("never", Millis(20)), boost::asio::detached);
  boost::asio::co_spawn(context, wait("never", Millis(0)), boost::asio::detached);
  boost::asio::post(context, [&] {
    Update one;
    one.broker(1).topic("t").partition(0, 1);
    cache.apply(one.request);
    CHECK(woken == 0);
    Update dead_leader;
    dead_leader.broker(1).topic("t").partition(1, 7);
    cache.apply(dead_leader.request);
    CHECK(woken == 0);
    Update two;
    two.broker(1).topic("t").partition(1, 1);
    cache.apply(two.request);
  });
  context.run();
  CHECK(woken == 1);
  CHECK(late == 2);
}

TEST_CASE("MetadataCache: readers on other threads see each image whole, never an older one, and caches apart", "[metadata]") {
  MetadataCache cache(BrokerId(1));
  MetadataCache other(BrokerId(2));
  std::atomic<std::int32_t> applied{-1};
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r)
    readers.emplace_back([&] {
      std::int32_t last = -1;
      while (!stop.load()) {
        const std::int32_t at_least = applied.load();
        const auto leader = cache.leader({"t", 0});
        const auto now = leader ? leader->epoch.value() : -1;
        if (now < at_least || now < last) ++wrong;
        last = now;
        const auto image = cache.image();
        const auto* topic = image->topic("t");
        if (topic != nullptr && (topic->partition(0)->leader_epoch != topic->partition(1)->leader_epoch)) ++wrong;
        if (other.contains("t")) ++wrong;
      }
    });
  for (std::int32_t epoch = 0; epoch < 2000; ++epoch) {
    Update u;
    u.broker(1).topic("t").partition(0, 1, epoch).partition(1, 1, epoch);
    cache.apply(u.request);
    applied.store(epoch);
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  CHECK(wrong == 0);
  CHECK(cache.leader({"t", 0})->epoch == LeaderEpoch(1999));
}

TEST_CASE("MetadataCache: a new cache in the place of an old one starts empty", "[metadata]") {
  std::optional<MetadataCache> cache;
  for (int i = 0; i < 3; ++i) {
    cache.emplace(BrokerId(1));
    CHECK_FALSE(cache->contains("t"));
    Update u;
    u.broker(1).topic("t").partition(0, 1);
    cache->apply(u.request);
    CHECK(cache->contains("t"));
  }
}

TEST_CASE("MetadataCache: thousands of topics one by one", "[metadata]") {
  MetadataCache cache(BrokerId(1));
  for (int i = 0; i < 3000; ++i) {
    Update u;
    const auto name = "topic-" + std::to_string(i);
    u.broker(1).topic(name, TopicId{7, static_cast<std::uint64_t>(i + 1)}).partition(0, 1);
    cache.apply(u.request);
  }
  CHECK(cache.image()->topic_count() == 3000);
  int seen = 0;
  cache.image()->for_each_topic([&](const TopicMetadata&) { ++seen; });
  CHECK(seen == 3000);
  CHECK(cache.topic_name(TopicId{7, 1500}) == "topic-1499");
}
