#include "tests/sim/support/sim_actors.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdlib>
#include <iostream>

#include "protocol/messages/create_topics.h"
#include "protocol/messages/delete_topics.h"

namespace moldau::sim {

SimActors::SimActors(Executor executor, SimNetwork& network, Random& random, Clock& clock, Model& model)
    : executor_(std::move(executor)), network_(network), random_(random), clock_(clock), model_(model) {}

void SimActors::start() {
  spawn([this](SimClient& client) { return administrate(client); });
  for (auto& producer : model_.producers) spawn([this, &producer](SimClient& client) { return produce(client, producer); });
  spawn([this](SimClient& client) { return consume(client); });
  for (int i = 0; i < 2; ++i) spawn([this](SimClient& client) { return be_member(client); });
}

void SimActors::spawn(Session session) {
  ++running_;
  boost::asio::co_spawn(executor_, live(std::make_shared<Session>(std::move(session))), [this](const std::exception_ptr& failed) {
    --running_;
    if (failed && !failure_) failure_ = failed;
  });
}

Awaitable<void> SimActors::live(std::shared_ptr<Session> session) {
  while (!ending_) {
    auto transport = co_await network_.connect();
    if (transport) {
      SimClient client(std::move(transport));
      ++model_.sessions;
      co_await (*session)(client);
      client.close();
    }
    co_await pause(100);
  }
}

Awaitable<void> SimActors::pause(std::uint64_t at_most_ms) {
  Timer timer(executor_, Millis(1 + static_cast<std::int64_t>(random_.below(at_most_ms))));
  boost::system::error_code ignored;  // nobody cancels it
  co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
}

void SimActors::trace(const std::string& line) const {
  static const bool wanted = std::getenv("MOLDAU_SIM_TRACE") != nullptr;
  if (wanted) std::cerr << std::chrono::duration_cast<std::chrono::microseconds>(clock_.steady().time_since_epoch()).count() << " us  " << line << '\n';
}

// ---- topics ----

Awaitable<void> SimActors::administrate(SimClient& client) {
  while (!ending_) {
    std::string to_create;
    for (const auto& [name, topic] : model_.topics)
      if (!topic.created) to_create = name;
    bool alive = true;
    if (!to_create.empty()) {
      alive = co_await create_topic(client, to_create);
    } else if (random_.below(2) == 0 && model_.topics.size() < 8) {
      const auto name = "x" + std::to_string(model_.topics.size());
      model_.topics[name].partitions = static_cast<std::int32_t>(1 + random_.below(3));
      continue;
    } else {
      std::string to_delete;
      for (const auto& [name, topic] : model_.topics)
        if (name.starts_with("x") && !topic.deleted && !topic.in_doubt && random_.below(3) == 0) to_delete = name;
      if (!to_delete.empty()) alive = co_await delete_topic(client, to_delete);
    }
    if (!alive) co_return;
    co_await pause(1'500);
  }
}

Awaitable<bool> SimActors::create_topic(SimClient& client, std::string name) {
  Arena arena;
  protocol::CreateTopicsRequest request;
  request.timeout_ms = 5'000;
  auto& topic = request.topics.add(arena);
  topic.name = name;
  topic.num_partitions = model_.topics[name].partitions;
  topic.replication_factor = 1;
  const auto answer = co_await client.call(request, 5);
  if (!answer) {
    model_.topics[name].in_doubt = true;
    co_return false;
  }
  const auto error = answer->value.topics[0].error_code;
  if (error == ErrorCode::none || error == ErrorCode::topic_already_exists) model_.topics[name].created = true;
  co_return true;
}

Awaitable<bool> SimActors::delete_topic(SimClient& client, std::string name) {
  Arena arena;
  protocol::DeleteTopicsRequest request;
  request.timeout_ms = 5'000;
  request.topic_names.push_back(arena, name);
  auto& topic = model_.topics[name];
  const bool again = std::exchange(topic.delete_sent, true);
  const auto answer = co_await client.call(request, 4);
  if (!answer) co_return false;
  const auto error = answer->value.responses[0].error_code;
  expect(error != ErrorCode::unknown_topic_or_partition || again, "the acknowledged topic " + name + " is not there to be deleted");
  if (error == ErrorCode::none || error == ErrorCode::unknown_topic_or_partition) topic.deleted = true;
  co_return true;
}

}  // namespace moldau::sim
