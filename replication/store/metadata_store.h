// MetadataStore: the cluster's small, strongly ordered tree with ZooKeeper's data model. Two implementations stand behind it: ZooKeeper for clusters and
// the embedded one (SQLite) for a single node; everything above is the same code.
//
// Contract (ZooKeeper's):
//  1. Operations of a session are answered in the order in which they were submitted; many may be in flight.
//  2. A watch is asked for with a read, fires once, and its event is delivered before any answer that already shows the change.
//  3. Ephemeral nodes go with the session that made them. After `expired` the session is over; the implementation opens a new one and tells `connected`.
//  4. connection_loss says nothing of whether the operation happened: every write must bear having happened already.
// Answers and events come on the store's own thread (or executor), one after the other. They must not block; awaitables resume on the caller's executor.
#pragma once

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/async.h"
#include "protocol/base/clock.h"
#include "protocol/base/error.h"
#include "protocol/base/event.h"

namespace moldau::replication {

/// ZooKeeper's error codes, as far as they have a meaning for a broker. The numbers are ZooKeeper's.
enum class StoreError : std::int32_t {
  ok = 0,
  runtime_inconsistency = -2,  ///< In a failed multi: not tried, as an operation before it failed.
  connection_loss = -4,
  bad_arguments = -8,
  no_node = -101,
  no_auth = -102,
  bad_version = -103,
  no_children_for_ephemerals = -108,
  node_exists = -110,
  not_empty = -111,
  session_expired = -112,
  auth_failed = -115,
  session_closed = -116,  ///< Ours: close() was called.
};

std::string_view to_string(StoreError error) noexcept;
/// What a request hears that failed for it: REQUEST_TIMED_OUT when the store is away (it may have happened nevertheless), else UNKNOWN_SERVER_ERROR.
ErrorCode error_code(StoreError error) noexcept;
[[noreturn]] void throw_exception_from_error(StoreError error, const boost::source_location& where);

template <class T>
using StoreResult = boost::system::result<T, StoreError>;

/// What ZooKeeper's Stat says of a node.
struct Stat {
  std::int64_t czxid = 0;            ///< Transaction that created it; of /brokers/ids/N: the broker epoch.
  std::int64_t mzxid = 0;            ///< Transaction that last set its data.
  std::int64_t pzxid = 0;            ///< Transaction that last changed its children.
  std::int64_t ctime = 0;            ///< Milliseconds since 1970.
  std::int64_t mtime = 0;
  std::int32_t version = 0;          ///< Number of times the data was set.
  std::int32_t cversion = 0;         ///< Number of changes of the children.
  std::int64_t ephemeral_owner = 0;  ///< Session id; 0: persistent.
  std::int32_t data_length = 0;
  std::int32_t num_children = 0;

  friend bool operator==(const Stat&, const Stat&) = default;
};

enum class CreateMode : std::uint8_t { persistent, ephemeral, persistent_sequential, ephemeral_sequential };

/// Any version will do (set, remove, check).
inline constexpr std::int32_t kAnyVersion = -1;

/// One operation.
struct StoreOp {
  enum class Kind : std::uint8_t { create, set, get, remove, exists, children, check, multi };

  Kind kind = Kind::exists;
  CreateMode mode = CreateMode::persistent;
  bool watch = false;
  std::int32_t version = kAnyVersion;
  std::string path;
  std::optional<std::string> data;  ///< Nothing: null data, as Kafka makes its parents.
  std::vector<StoreOp> ops;         ///< Of a multi: create, set, remove, check.

  static StoreOp create(std::string path, std::optional<std::string> data = std::nullopt, CreateMode mode = CreateMode::persistent);
  static StoreOp set(std::string path, std::string data, std::int32_t version = kAnyVersion);
  static StoreOp get(std::string path, bool watch = false);
  static StoreOp remove(std::string path, std::int32_t version = kAnyVersion);
  static StoreOp exists(std::string path, bool watch = false);
  static StoreOp children(std::string path, bool watch = false);
  static StoreOp check(std::string path, std::int32_t version);
  static StoreOp multi(std::vector<StoreOp> ops);
};

/// The answer to one operation; which fields are set depends on its kind.
struct StoreResponse {
  StoreError error = StoreError::ok;
  std::string path;                    ///< create: with the sequence number.
  std::string data;                    ///< get: empty when null.
  Stat stat;                           ///< set, get, exists, create.
  std::vector<std::string> children;   ///< children: names, sorted.
  std::vector<StoreResponse> results;  ///< multi: one an operation, also when it failed.

  [[nodiscard]] bool ok() const noexcept { return error == StoreError::ok; }
};

enum class StoreEventType : std::uint8_t { node_created, node_deleted, node_data_changed, node_children_changed };
std::string_view to_string(StoreEventType type) noexcept;

struct StoreEvent {
  StoreEventType type = StoreEventType::node_created;
  std::string path;
};

enum class SessionState : std::uint8_t { disconnected, connected, expired };

/// Receives the events of a session on the store's thread. Must not block nor call back into the store synchronously.
class StoreListener {
 public:
  virtual ~StoreListener() = default;
  virtual void on_store_event(const StoreEvent& event) = 0;
  virtual void on_session_state(SessionState /*state*/) {}
};

struct NodeData {
  std::string data;
  Stat stat;
};

/// One session with the store. Thread-safe.
class MetadataStore {
 public:
  using Completion = std::function<void(std::vector<StoreResponse>)>;

  virtual ~MetadataStore() = default;

  /// Submits operations in order; `done` is called once with their answers (same order) when the last is answered.
  virtual void submit(std::vector<StoreOp> ops, Completion done) = 0;
  /// The id that owns this session's ephemeral nodes.
  [[nodiscard]] virtual std::int64_t session_id() const = 0;
  /// Events go to every listener, in the order of their registration. REQUIRES: the listener lives until remove_listener returned.
  virtual void add_listener(StoreListener* listener) = 0;
  virtual void remove_listener(StoreListener* listener) = 0;
  /// Writes a copy of what the store keeps on the disk, as it is at one moment between two commits, to the file `path`, which it replaces. `done` is called once, on
  /// the store's thread. Error: the disk, a store that is closed, or one whose files are elsewhere.
  virtual void back_up(std::string path, std::function<void(Status)> done);
  /// Ends the session: its ephemeral nodes go, operations in flight are answered session_closed. Idempotent; blocks until the store's thread is done.
  virtual void close() = 0;

  /// Operations in flight together, answered in order. Those that got connection_loss are sent again every second (Kafka 3.9
  /// KafkaZkClient.retryRequestsUntilConnected) until `deadline` (TimerClock; nothing: when the patience has passed) or stop_retrying(): then connection_loss comes back to the
  /// caller. So do session_expired and session_closed, at once. One attempt may take as long as the patience, whatever the deadline.
  Awaitable<std::vector<StoreResponse>> pipeline(std::vector<StoreOp> ops, std::optional<SteadyTime> deadline = std::nullopt);
  /// The deadline of what must happen, however long it takes.
  static constexpr SteadyTime kUntilStopped = SteadyTime::max();

  /// From now on nothing is sent again: a broker that stops does not wait for a store that is away. Any thread.
  void stop_retrying();
  /// How long a store may be away before its callers hear of it. REQUIRES: no operation has been submitted.
  void set_patience(Millis patience) noexcept { patience_ = patience; }
  [[nodiscard]] Millis patience() const noexcept { return patience_; }

  // One operation each, with the same retry.
  Awaitable<StoreResult<std::string>> create(std::string path, std::optional<std::string> data = std::nullopt, CreateMode mode = CreateMode::persistent);
  Awaitable<StoreResult<Stat>> set(std::string path, std::string data, std::int32_t version = kAnyVersion);
  Awaitable<StoreResult<NodeData>> get(std::string path, bool watch = false);
  Awaitable<StoreResult<void>> remove(std::string path, std::int32_t version = kAnyVersion);
  /// no_node when it does not exist (the watch is set then too).
  Awaitable<StoreResult<Stat>> exists(std::string path, bool watch = false);
  Awaitable<StoreResult<std::vector<std::string>>> children(std::string path, bool watch = false);
  /// All or nothing. The answer's `error` is the first failed operation's; `results` has one an operation.
  Awaitable<StoreResponse> multi(std::vector<StoreOp> ops);
  /// Creates missing parents of `path` (null data), then the node itself; node_exists is success (Kafka 3.9 createRecursive).
  Awaitable<StoreResult<void>> ensure(std::string path);

 private:
  struct Attempt;
  class Pause;

  Awaitable<StoreResponse> one(StoreOp op);
  Awaitable<std::vector<StoreResponse>> attempt(std::vector<StoreOp> ops);

  /// As long as ZooKeeper keeps a lost session (the default of zookeeper.session.timeout.ms).
  Millis patience_{18'000};
  std::mutex pauses_mutex_;    // guards what follows
  std::set<Event*> pauses_;    // pipelines between two attempts
  bool no_more_retries_ = false;
};

}  // namespace moldau::replication
