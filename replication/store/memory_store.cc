#include "replication/store/memory_store.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <map>
#include <utility>

#include "replication/store/znode_tree.h"

namespace moldau::replication {

struct MemoryEnsemble::Core {
  Core(Executor e, Clock& c) : executor(std::move(e)), clock(c) {}
  Executor executor;
  Clock& clock;
  ZnodeTree tree;
  std::int64_t next_session = 0x100000000000000;
  std::map<std::int64_t, Session*> sessions;

  void deliver(const std::vector<ZnodeTree::Event>& events);
};

class MemoryEnsemble::Session final : public MetadataStore {
 public:
  explicit Session(std::shared_ptr<Core> core) : core_(std::move(core)) { begin(); }
  ~Session() override { Session::close(); }

  void submit(std::vector<StoreOp> ops, Completion done) override {
    // On the executor, so that answers never come inside submit().
    boost::asio::post(core_->executor, [alive = std::weak_ptr<bool>(alive_), this, ops = std::move(ops), done = std::move(done)] {
      const auto here = !alive.expired() && !closed_;
      if (!here || !connected_) {
        StoreResponse lost;
        lost.error = here ? StoreError::connection_loss : StoreError::session_closed;
        done(std::vector<StoreResponse>(ops.size(), lost));
        return;
      }
      std::vector<ZnodeTree::Event> events;
      std::vector<StoreResponse> answers;
      for (const auto& op : ops) answers.push_back(core_->tree.apply(op, id_, core_->clock.wall_ms(), events));
      core_->tree.commit();
      auto core = core_;
      core->deliver(events);
      done(std::move(answers));
    });
  }
  [[nodiscard]] std::int64_t session_id() const override { return id_; }
  void add_listener(StoreListener* listener) override { listeners_.push_back(listener); }
  void remove_listener(StoreListener* listener) override { std::erase(listeners_, listener); }
  void close() override {
    if (closed_) return;
    closed_ = true;
    end();
  }

  void begin() {
    id_ = core_->next_session++;
    core_->sessions[id_] = this;
  }
  void end() {
    core_->sessions.erase(id_);
    std::vector<ZnodeTree::Event> events;
    core_->tree.close_session(id_, core_->clock.wall_ms(), events);
    core_->tree.commit();
    core_->deliver(events);
  }
  void tell(const StoreEvent& event) {
    if (!connected_) {
      missed_.push_back(event);  // a client that reconnects learns what its watches missed
      return;
    }
    for (auto* l : std::vector<StoreListener*>(listeners_))
      l->on_store_event(event);
  }
  void tell_state(SessionState state) {
    for (auto* l : std::vector<StoreListener*>(listeners_))
      l->on_session_state(state);
  }
  void set_connected(bool connected) {
    if (connected_ == connected) return;
    connected_ = connected;
    tell_state(connected ? SessionState::connected : SessionState::disconnected);
    if (!connected) return;
    for (const auto& event : std::exchange(missed_, {})) tell(event);
  }
  void expire() {
    end();
    begin();
    connected_ = true;
    missed_.clear();
    tell_state(SessionState::expired);
    tell_state(SessionState::connected);
  }

 private:
  bool connected_ = true;
  std::shared_ptr<Core> core_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::int64_t id_ = 0;
  bool closed_ = false;
  std::vector<StoreListener*> listeners_;
  std::vector<StoreEvent> missed_;
};

void MemoryEnsemble::Core::deliver(const std::vector<ZnodeTree::Event>& events) {
  for (const auto& e : events)
    if (const auto it = sessions.find(e.session); it != sessions.end()) it->second->tell(e.event);
}

MemoryEnsemble::MemoryEnsemble(Executor executor, Clock& clock) : core_(std::make_shared<Core>(std::move(executor), clock)) {}
MemoryEnsemble::~MemoryEnsemble() = default;

std::unique_ptr<MetadataStore> MemoryEnsemble::connect() { return std::make_unique<Session>(core_); }

void MemoryEnsemble::expire(MetadataStore& session) {
  static_cast<Session&>(session).expire();
}

void MemoryEnsemble::set_connected(MetadataStore& session, bool connected) { static_cast<Session&>(session).set_connected(connected); }

std::string MemoryEnsemble::dump() const {
  std::string out;
  for (const auto& [path, node] : core_->tree.sorted()) {
    if (path == "/") continue;
    out += path;
    if (node->owner != 0) out += " (ephemeral)";
    if (node->data) out += " = " + *node->data;
    out += '\n';
  }
  return out;
}

const ZnodeTree& MemoryEnsemble::tree() const { return core_->tree; }

}  // namespace moldau::replication
