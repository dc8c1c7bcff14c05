#include "replication/controller/local_channel.h"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <optional>

#include "config/metric_handles.h"
#include "protocol/base/log.h"
#include "protocol/base/task_group.h"

namespace moldau::replication {
namespace {

/// Of all brokers' queues together. What bounds one: at most three requests to a broker an event, and the next event waits for the store.
void count(double more) { config::metrics().controller_channel_total_queue_size.add(more); }

class LocalChannel final : public BrokerChannel {
 public:
  LocalChannel(Executor executor, ControlReceiver receiver, TaskGroup& tasks) : tasks_(tasks), state_(std::make_shared<State>(std::move(executor), std::move(receiver))) {}
  ~LocalChannel() override {
    const std::lock_guard lock(state_->mutex);
    state_->closed = true;
    count(-static_cast<double>(state_->queue.size()));
    state_->queue.clear();
  }

  void send(ControlRequest request, Completion done) override {
    {
      const std::lock_guard lock(state_->mutex);
      state_->queue.emplace_back(std::move(request), std::move(done));
      count(1);
      if (state_->running) return;
      state_->running = true;
    }
    tasks_.spawn(state_->executor, run(state_));  // refused: the broker is stopping, nobody waits for the answer
  }

 private:
  struct State {
    State(Executor e, ControlReceiver r) : executor(std::move(e)), receiver(std::move(r)) {}
    Executor executor;
    ControlReceiver receiver;
    std::mutex mutex;  // guards what follows
    std::deque<std::pair<ControlRequest, Completion>> queue;
    bool running = false;
    bool closed = false;

    /// The next request; nothing when the queue is empty, and the runner is to end.
    std::optional<std::pair<ControlRequest, Completion>> take() {
      const std::lock_guard lock(mutex);
      if (queue.empty()) {
        running = false;
        return std::nullopt;
      }
      std::optional next(std::move(queue.front()));
      queue.pop_front();
      count(-1);
      return next;
    }
    bool is_closed() {
      const std::lock_guard lock(mutex);
      return closed;
    }
  };

  static Awaitable<void> run(std::shared_ptr<State> state) {
    co_await boost::asio::post(boost::asio::use_awaitable);  // never on the sender's stack
    while (auto next = state->take()) {
      ControlResponse response;
      response.arena = std::make_shared<Arena>();
      try {
        if (const auto* l = std::get_if<protocol::LeaderAndIsrRequest>(&next->first.message))
          response.message = co_await state->receiver.leader_and_isr(*l, *response.arena);
        else if (const auto* s = std::get_if<protocol::StopReplicaRequest>(&next->first.message))
          response.message = co_await state->receiver.stop_replica(*s, *response.arena);
        else
          response.message = co_await state->receiver.update_metadata(std::get<protocol::UpdateMetadataRequest>(next->first.message));
      } catch (const std::exception& e) {
        MOLDAU_LOG(controller, err, "a control request to this broker failed: {}", e.what());
        response.message = failed(next->first);
      }
      if (next->second && !state->is_closed()) next->second(std::move(response));
    }
  }

  /// The answer to a request that ended with an exception.
  static decltype(ControlResponse::message) failed(const ControlRequest& request) {
    if (std::holds_alternative<protocol::LeaderAndIsrRequest>(request.message)) {
      protocol::LeaderAndIsrResponse answer;
      answer.error_code = ErrorCode::unknown_server_error;
      return answer;
    }
    if (std::holds_alternative<protocol::StopReplicaRequest>(request.message)) {
      protocol::StopReplicaResponse answer;
      answer.error_code = ErrorCode::unknown_server_error;
      return answer;
    }
    protocol::UpdateMetadataResponse answer;
    answer.error_code = ErrorCode::unknown_server_error;
    return answer;
  }

  TaskGroup& tasks_;
  std::shared_ptr<State> state_;
};

}  // namespace

std::unique_ptr<BrokerChannel> make_local_channel(Executor executor, ControlReceiver receiver, TaskGroup& tasks) {
  return std::make_unique<LocalChannel>(std::move(executor), std::move(receiver), tasks);
}

}  // namespace moldau::replication
