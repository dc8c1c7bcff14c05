#include "replication/controller/local_channel.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <exception>

#include "protocol/base/log.h"

namespace moldau::replication {
namespace {

class LocalChannel final : public BrokerChannel {
 public:
  LocalChannel(Executor executor, ControlReceiver receiver) : state_(std::make_shared<State>(std::move(executor), std::move(receiver))) {}
  ~LocalChannel() override {
    const std::lock_guard lock(state_->mutex);
    state_->closed = true;
    state_->queue.clear();
  }

  void send(ControlRequest request, Completion done) override {
    {
      const std::lock_guard lock(state_->mutex);
      state_->queue.emplace_back(std::move(request), std::move(done));
      if (state_->running) return;
      state_->running = true;
    }
    // Not joined: it owns what it works on, and the receiver's services outlive their executor's last task (the broker stops the pools first).
    boost::asio::post(state_->executor, [state = state_] { boost::asio::co_spawn(state->executor, run(state), boost::asio::detached); });
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
  };

  static Awaitable<void> run(std::shared_ptr<State> state) {
    while (true) {
      std::pair<ControlRequest, Completion> next;
      {
        const std::lock_guard lock(state->mutex);
        if (state->queue.empty()) {
          state->running = false;
          co_return;
        }
        next = std::move(state->queue.front());
        state->queue.pop_front();
      }
      ControlResponse response;
      response.arena = std::make_shared<Arena>();
      try {
        if (const auto* l = std::get_if<protocol::LeaderAndIsrRequest>(&next.first.message))
          response.message = co_await state->receiver.leader_and_isr(*l, *response.arena);
        else if (const auto* s = std::get_if<protocol::StopReplicaRequest>(&next.first.message))
          response.message = co_await state->receiver.stop_replica(*s, *response.arena);
        else
          response.message = co_await state->receiver.update_metadata(std::get<protocol::UpdateMetadataRequest>(next.first.message));
      } catch (const std::exception& e) {
        MOLDAU_LOG(controller, err, "a control request to this broker failed: {}", e.what());
        continue;
      }
      bool closed = false;
      {
        const std::lock_guard lock(state->mutex);
        closed = state->closed;
      }
      if (!closed && next.second) next.second(std::move(response));
    }
  }

  std::shared_ptr<State> state_;
};

}  // namespace

std::unique_ptr<BrokerChannel> make_local_channel(Executor executor, ControlReceiver receiver) {
  return std::make_unique<LocalChannel>(std::move(executor), std::move(receiver));
}

}  // namespace moldau::replication
