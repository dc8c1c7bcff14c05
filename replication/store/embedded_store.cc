#include "replication/store/embedded_store.h"

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>

#include "config/metric_handles.h"
#include "protocol/base/log.h"
#include "replication/store/sqlite_znodes.h"
#include "replication/store/znode_tree.h"

namespace moldau::replication {
namespace {

constexpr const char* kFileName = "moldau-metadata.db";
// A bound on what one transaction takes, so that a flood of operations does not delay the first answers without limit.
constexpr std::size_t kMaxOpsPerCommit = 20'000;
// Operations that may wait; who comes when there are as many is answered connection_loss, and tries again a little later (MetadataStore::pipeline).
constexpr std::size_t kMaxQueuedOps = 200'000;
constexpr std::size_t kMaxBackups = 8;  ///< that wait

class EmbeddedStore final : public MetadataStore {
 public:
  EmbeddedStore(std::unique_ptr<SqliteZnodes> db, Clock& clock, Executor executor) : clock_(clock), executor_(std::move(executor)), db_(std::move(db)) {}
  ~EmbeddedStore() override { EmbeddedStore::close(); }

  Status start() {
    if (auto s = db_->load(tree_); !s) return s;
    std::vector<ZnodeTree::Event> nobody;
    // Whatever session left ephemeral nodes behind, it is over. On a disk that takes no writes the broker would meet itself as a stranger: that is told here.
    std::vector<std::int64_t> owners;
    for (const auto& [path, node] : tree_.sorted())
      if (node->owner != 0) owners.push_back(node->owner);
    for (const auto owner : owners) tree_.close_session(owner, clock_.wall_ms(), nobody);
    if (!tree_.changes().empty()) {
      if (auto s = db_->write(tree_); !s) return s;
      tree_.commit();
    }
    // As ZooKeeper makes them: time in the upper bits, unique for each start.
    session_ = static_cast<std::int64_t>((static_cast<std::uint64_t>(clock_.wall_ms()) << 24) >> 8);
    if (std::find(owners.begin(), owners.end(), session_) != owners.end()) ++session_;
    if (!executor_) thread_ = std::thread([this] { run(); });
    return {};
  }

  void submit(std::vector<StoreOp> ops, Completion done) override {
    StoreResponse refused;
    {
      const std::lock_guard lock(mutex_);
      if (!stopping_ && queued_ops_ < kMaxQueuedOps) {
        queued_ops_ += ops.size();
        queue_.push_back({std::move(ops), std::move(done)});
        config::metrics().metadata_store_queue_size.set(static_cast<double>(queued_ops_));
        wake_owner();
        return;
      }
      refused.error = stopping_ ? StoreError::session_closed : StoreError::connection_loss;
    }
    done(std::vector<StoreResponse>(ops.size(), refused));
  }

  void back_up(std::string path, std::function<void(Status)> done) override {
    {
      const std::lock_guard lock(mutex_);
      if (!stopping_ && backups_.size() < kMaxBackups) {
        backups_.push_back({std::move(path), std::move(done)});
        wake_owner();
        return;
      }
    }
    done(Error(ErrorCode::kafka_storage_error, "the metadata store is closed, or has too many copies to make"));
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
    if (!executor_ || std::exchange(ended_, true)) return;
    while (step()) continue;
    end_session();
  }

 private:
  struct Batch {
    std::vector<StoreOp> ops;
    Completion done;
  };
  struct Backup {
    std::string path;
    std::function<void(Status)> done;
  };

  /// REQUIRES mutex_.
  void wake_owner() {
    if (!executor_) {
      wake_.notify_one();
      return;
    }
    boost::asio::post(executor_, [this, alive = std::weak_ptr(alive_)] {
      if (alive.lock()) step();
    });
  }

  void run() {
    while (true) {
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return stopping_ || !queue_.empty() || !backups_.empty(); });
      }
      if (!step()) break;
    }
    end_session();
  }

  /// Does what waits, up to the bound of a commit; false when nothing did.
  bool step() {
    auto work = take();
    if (!work.empty()) process(work);
    return make_backups() || !work.empty();
  }
  /// Behind the commit of what was submitted before them. False: none was asked for.
  bool make_backups() {
    std::vector<Backup> asked;
    {
      const std::lock_guard lock(mutex_);
      asked.swap(backups_);
    }
    for (auto& backup : asked) {
      auto made = db_->back_up(backup.path);
      fenced([&] { backup.done(std::move(made)); });
    }
    return !asked.empty();
  }
  std::vector<Batch> take() {
    const std::lock_guard lock(mutex_);
    std::vector<Batch> work;
    for (std::size_t ops = 0; !queue_.empty() && ops < kMaxOpsPerCommit; queue_.pop_front()) {
      ops += queue_.front().ops.size();
      queued_ops_ -= queue_.front().ops.size();
      work.push_back(std::move(queue_.front()));
    }
    config::metrics().metadata_store_queue_size.set(static_cast<double>(queued_ops_));
    return work;
  }

  /// What a commit is made of, and what is told when it is on the disk.
  struct Outcome {
    std::vector<ZnodeTree::Event> events;
    std::vector<std::vector<StoreResponse>> answers;
    std::vector<std::size_t> events_until;  ///< Of each batch: the events before its answer.
    bool wrote = false;
  };

  void process(std::vector<Batch>& work) {
    Outcome outcome;
    try {
      if (const auto written = commit(work, outcome); !written) {
        lose(work, outcome.events, written.error().message);
        return;
      }
    } catch (const std::exception& e) {
      lose(work, outcome.events, fmt::format("metadata store: {}", e.what()));
      return;
    }
    deliver(work, outcome);
  }

  Status commit(const std::vector<Batch>& work, Outcome& outcome) {
    // Reads are answered from the tree as the operations before them left it; nothing is delivered before the commit.
    outcome.answers.resize(work.size());
    outcome.events_until.resize(work.size());
    const auto now = clock_.wall_ms();
    for (std::size_t i = 0; i < work.size(); ++i) {
      outcome.answers[i].reserve(work[i].ops.size());
      for (const auto& op : work[i].ops) outcome.answers[i].push_back(tree_.apply(op, session_, now, outcome.events));
      outcome.events_until[i] = outcome.events.size();
    }
    if (tree_.changes().empty()) return {};
    if (auto written = db_->write(tree_); !written) return written;
    tree_.commit();
    outcome.wrote = true;
    return {};
  }

  void deliver(std::vector<Batch>& work, Outcome& outcome) {
    if (outcome.wrote && std::exchange(lost_, false)) {
      MOLDAU_LOG(metadata, info, "metadata store: the disk takes writes again");
      tell_state(SessionState::connected);
    }
    // As ZooKeeper orders them: an event before the first answer that shows its change, and after the answers to what came before it.
    std::size_t told = 0;
    for (std::size_t i = 0; i < work.size(); ++i) {
      for (; told < outcome.events_until[i]; ++told) tell(outcome.events[told].event);
      fenced([&] { work[i].done(std::move(outcome.answers[i])); });
    }
  }

  void lose(std::vector<Batch>& work, const std::vector<ZnodeTree::Event>& events, const std::string& why) {
    tree_.roll_back(events);
    if (!std::exchange(lost_, true)) {
      MOLDAU_LOG(metadata, err, "{}; changes of metadata wait until it takes writes again", why);
      tell_state(SessionState::disconnected);
    }
    StoreResponse loss;
    loss.error = StoreError::connection_loss;
    for (auto& batch : work) fenced([&] { batch.done(std::vector<StoreResponse>(batch.ops.size(), loss)); });
  }

  /// The thread outlives what a listener or a completion throws.
  template <class Call>
  static void fenced(Call call) noexcept {
    try {
      call();
    } catch (const std::exception& e) {
      MOLDAU_LOG(metadata, err, "a listener of the metadata store failed: {}", e.what());
    }
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
    for (auto* l : listeners_) fenced([&] { l->on_store_event(event); });
  }
  void tell_state(SessionState state) {
    const std::lock_guard lock(listeners_mutex_);
    for (auto* l : listeners_) fenced([&] { l->on_session_state(state); });
  }

  Clock& clock_;
  const Executor executor_;  ///< Empty: the store has a thread.
  // The store's thread (or executor) only, once it runs:
  std::unique_ptr<SqliteZnodes> db_;
  ZnodeTree tree_;
  bool lost_ = false;

  std::int64_t session_ = 0;
  std::mutex mutex_;  // guards queue_, queued_ops_, backups_ and stopping_
  std::condition_variable wake_;
  std::deque<Batch> queue_;
  std::size_t queued_ops_ = 0;
  std::vector<Backup> backups_;
  bool stopping_ = false;
  std::mutex listeners_mutex_;
  std::vector<StoreListener*> listeners_;
  std::thread thread_;
  bool ended_ = false;  ///< With an executor: the session is over.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
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

Result<std::unique_ptr<MetadataStore>> open_embedded_store(const std::string& dir, Clock& clock, EmbeddedStoreOptions options) {
  auto db = SqliteZnodes::open(dir + "/" + kFileName, options.file_system);
  if (!db) return db.error();
  auto store = std::make_unique<EmbeddedStore>(std::move(*db), clock, std::move(options.executor));
  if (auto s = store->start(); !s) return s.error();
  return std::unique_ptr<MetadataStore>(std::move(store));
}

}  // namespace moldau::replication
