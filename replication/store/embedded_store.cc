#include "replication/store/embedded_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "protocol/base/log.h"
#include "replication/store/sqlite_znodes.h"
#include "replication/store/znode_tree.h"

namespace moldau::replication {
namespace {

constexpr const char* kFileName = "moldau-metadata.db";
// A bound on what one transaction takes, so that a flood of operations does not delay the first answers without limit.
constexpr std::size_t kMaxOpsPerCommit = 20'000;

class EmbeddedStore final : public MetadataStore {
 public:
  EmbeddedStore(std::unique_ptr<SqliteZnodes> db, Clock& clock) : clock_(clock), db_(std::move(db)) {}
  ~EmbeddedStore() override { EmbeddedStore::close(); }

  Status start() {
    if (auto s = db_->load(tree_); !s) return s;
    std::vector<ZnodeTree::Event> nobody;
    // Whatever session left ephemeral nodes behind, it is over. Their removal is written with the first transaction; a crash before repeats it.
    std::vector<std::int64_t> owners;
    for (const auto& [path, node] : tree_.sorted())
      if (node->owner != 0) owners.push_back(node->owner);
    for (const auto owner : owners) tree_.close_session(owner, clock_.wall_ms(), nobody);
    // As ZooKeeper makes them: time in the upper bits, unique for each start.
    session_ = static_cast<std::int64_t>((static_cast<std::uint64_t>(clock_.wall_ms()) << 24) >> 8);
    if (std::find(owners.begin(), owners.end(), session_) != owners.end()) ++session_;
    thread_ = std::thread([this] { run(); });
    return {};
  }

  void submit(std::vector<StoreOp> ops, Completion done) override {
    {
      const std::lock_guard lock(mutex_);
      if (!stopping_) {
        queue_.push_back({std::move(ops), std::move(done)});
        wake_.notify_one();
        return;
      }
    }
    StoreResponse closed;
    closed.error = StoreError::session_closed;
    done(std::vector<StoreResponse>(ops.size(), closed));
  }

  [[nodiscard]] std::int64_t session_id() const override { return session_; }

  void add_listener(StoreListener* listener) override {
    const std::lock_guard lock(listeners_mutex_);
    listeners_.push_back(listener);
  }
  void remove_listener(StoreListener* listener) override {
    const std::lock_guard lock(listeners_mutex_);
    std::erase(listeners_, listener);
  }

  void close() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      wake_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  struct Batch {
    std::vector<StoreOp> ops;
    Completion done;
  };

  void run() {
    while (true) {
      std::vector<Batch> work;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
        if (queue_.empty()) break;
        std::size_t ops = 0;
        std::size_t taken = 0;
        while (taken < queue_.size() && ops < kMaxOpsPerCommit) ops += queue_[taken++].ops.size();
        work.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.begin() + static_cast<std::ptrdiff_t>(taken)));
        queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(taken));
      }
      process(work);
    }
    end_session();
  }

  void process(std::vector<Batch>& work) {
    // Reads are answered from the tree as the operations before them left it; nothing is delivered before the commit.
    std::vector<ZnodeTree::Event> events;
    std::vector<std::vector<StoreResponse>> answers(work.size());
    std::vector<std::size_t> events_until(work.size());
    const auto now = clock_.wall_ms();
    for (std::size_t i = 0; i < work.size(); ++i) {
      answers[i].reserve(work[i].ops.size());
      for (const auto& op : work[i].ops) answers[i].push_back(tree_.apply(op, session_, now, events));
      events_until[i] = events.size();
    }
    if (!tree_.changes().empty()) {
      if (const auto written = db_->write(tree_); !written) {
        lose(work, events, written.error().message);
        return;
      }
      tree_.commit();
      if (std::exchange(lost_, false)) {
        MOLDAU_LOG(metadata, info, "metadata store: the disk takes writes again");
        tell_state(SessionState::connected);
      }
    }
    // As ZooKeeper orders them: an event before the first answer that shows its change, and after the answers to what came before it.
    std::size_t told = 0;
    for (std::size_t i = 0; i < work.size(); ++i) {
      for (; told < events_until[i]; ++told) tell(events[told].event);
      work[i].done(std::move(answers[i]));
    }
  }

  void lose(std::vector<Batch>& work, const std::vector<ZnodeTree::Event>& events, const std::string& why) {
    tree_.roll_back(events);
    if (!lost_) {
      lost_ = true;
      MOLDAU_LOG(metadata, err, "{}; changes of metadata wait until it takes writes again", why);
      tell_state(SessionState::disconnected);
    }
    StoreResponse loss;
    loss.error = StoreError::connection_loss;
    for (auto& batch : work) batch.done(std::vector<StoreResponse>(batch.ops.size(), loss));
  }

  void end_session() {
    std::vector<ZnodeTree::Event> nobody;
    tree_.close_session(session_, clock_.wall_ms(), nobody);
    if (tree_.changes().empty()) return;
    if (const auto written = db_->write(tree_); !written) MOLDAU_LOG(metadata, warn, "{}; ephemeral nodes go at the next start", written.error().message);
    tree_.commit();
  }

  void tell(const StoreEvent& event) {
    const std::lock_guard lock(listeners_mutex_);
    for (auto* l : listeners_) l->on_store_event(event);
  }
  void tell_state(SessionState state) {
    const std::lock_guard lock(listeners_mutex_);
    for (auto* l : listeners_) l->on_session_state(state);
  }

  Clock& clock_;
  // The store's thread only, once it runs:
  std::unique_ptr<SqliteZnodes> db_;
  ZnodeTree tree_;
  bool lost_ = false;

  std::int64_t session_ = 0;
  std::mutex mutex_;  // guards queue_ and stopping_
  std::condition_variable wake_;
  std::vector<Batch> queue_;
  bool stopping_ = false;
  std::mutex listeners_mutex_;
  std::vector<StoreListener*> listeners_;
  std::thread thread_;
};

}  // namespace

Result<std::string> find_embedded_store(const std::vector<std::string>& log_dirs) {
  if (log_dirs.empty()) return Error(ErrorCode::invalid_config, "log.dirs is empty: the embedded metadata store needs a directory");
  std::string found;
  for (const auto& dir : log_dirs) {
    std::error_code ignored;  // An unreadable directory is found by the log manager, with a better message.
    if (!std::filesystem::exists(std::filesystem::path(dir) / kFileName, ignored)) continue;
    if (!found.empty())
      return Error(ErrorCode::invalid_config, fmt::format("both {0}/{2} and {1}/{2} exist: keep the right one and move the other away", found, dir, kFileName));
    found = dir;
  }
  return found.empty() ? log_dirs.front() : found;
}

Result<std::unique_ptr<MetadataStore>> open_embedded_store(const std::string& dir, Clock& clock) {
  auto db = SqliteZnodes::open(dir + "/" + kFileName);
  if (!db) return db.error();
  auto store = std::make_unique<EmbeddedStore>(std::move(*db), clock);
  if (auto s = store->start(); !s) return s.error();
  return std::unique_ptr<MetadataStore>(std::move(store));
}

}  // namespace moldau::replication
