// The clients of a simulated broker: each is a coroutine that connects, works, loses its connection, and goes on from what the model remembers.
#pragma once

#include <exception>
#include <functional>
#include <memory>

#include "protocol/base/random.h"
#include "tests/sim/support/sim_client.h"
#include "tests/sim/support/sim_model.h"

namespace moldau::sim {

/// One life's clients. Outlives their coroutines: `running()` is 0.
class SimActors {
 public:
  SimActors(Executor executor, SimNetwork& network, Random& random, Clock& clock, Model& model);

  void start();
  /// They end with their connections.
  void finish() { ending_ = true; }
  [[nodiscard]] std::size_t running() const noexcept { return running_; }
  /// The first violation that one of them met.
  [[nodiscard]] std::exception_ptr failure() const noexcept { return failure_; }

 private:
  using Session = std::function<Awaitable<void>(SimClient&)>;
  void spawn(Session session);
  Awaitable<void> live(std::shared_ptr<Session> session);
  Awaitable<void> pause(std::uint64_t at_most_ms);
  /// A line on standard error with MOLDAU_SIM_TRACE.
  void trace(const std::string& line) const;

  Awaitable<void> administrate(SimClient& client);
  Awaitable<bool> create_topic(SimClient& client, std::string name);
  Awaitable<bool> delete_topic(SimClient& client, std::string name);

  struct InFlight;
  Awaitable<void> produce(SimClient& client, ProducerModel& producer);
  Awaitable<bool> begin_producing(SimClient& client, ProducerModel& producer);
  Awaitable<bool> send_batch(SimClient& client, ProducerModel& producer, TopicPartition tp, std::size_t index);
  /// False: the session is over.
  bool take_answer(ProducerModel& producer, const InFlight& sent, ErrorCode error, std::int64_t base_offset);
  void start_anew(ProducerModel& producer);

  Awaitable<void> consume(SimClient& client);
  Awaitable<bool> find_coordinator(SimClient& client, std::string group);
  Awaitable<bool> check_commits(SimClient& client);
  Awaitable<bool> fetch(SimClient& client, TopicPartition tp);
  Awaitable<bool> commit(SimClient& client, TopicPartition tp);

  Awaitable<void> be_member(SimClient& client);
  Awaitable<bool> join(SimClient& client, std::string& member, std::int32_t& generation);
  Awaitable<bool> commit_as_member(SimClient& client, std::string member, std::int32_t generation);

  Executor executor_;
  SimNetwork& network_;
  Random& random_;
  Clock& clock_;
  Model& model_;
  bool ending_ = false;
  std::size_t running_ = 0;
  std::exception_ptr failure_;
};

}  // namespace moldau::sim
