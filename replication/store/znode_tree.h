// ZnodeTree: ZooKeeper's data tree as a plain data structure, with the sessions' watches. No I/O, no threads: whoever owns it serialises the calls.
//
// Every write is recorded in the change list, from which the owner persists it; roll_back() undoes what has not been committed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "protocol/base/ids.h"
#include "replication/store/metadata_store.h"

namespace moldau::replication {

/// A node as it is stored.
struct Znode {
  std::optional<std::string> data;
  std::int64_t czxid = 0;
  std::int64_t mzxid = 0;
  std::int64_t pzxid = 0;
  std::int64_t ctime = 0;
  std::int64_t mtime = 0;
  std::int32_t version = 0;
  std::int32_t creates = 0;  ///< Children ever created: the next sequence number. ZooKeeper's cversion is 2 * creates - children.
  std::int64_t owner = 0;
  std::set<std::string> children;

  [[nodiscard]] Stat stat() const;
};

class ZnodeTree {
 public:
  struct Event {
    std::int64_t session = 0;
    StoreEvent event;
  };
  /// What undoes one change. The state after it is looked up in the tree.
  struct Change {
    enum class Kind : std::uint8_t { created, removed, data_set, child_added, child_removed };
    Kind kind = Kind::created;
    std::string path;
    std::string child;  ///< child_added, child_removed.
    Znode before;       ///< removed: all of it; otherwise all but the children.
  };

  ZnodeTree();

  /// Applies one operation of a session at the given time. Watches that it fires are appended to `events`.
  StoreResponse apply(const StoreOp& op, std::int64_t session, std::int64_t now_ms, std::vector<Event>& events);
  /// Removes the session's ephemeral nodes and watches.
  void close_session(std::int64_t session, std::int64_t now_ms, std::vector<Event>& events);

  /// The changes since the last commit() or roll_back(), oldest first; a node may be there more than once.
  [[nodiscard]] const std::vector<Change>& changes() const noexcept { return changes_; }
  void commit();
  /// Undoes the changes; the watches whose `events` are then never delivered are set again.
  void roll_back(const std::vector<Event>& events);

  [[nodiscard]] const Znode* find(std::string_view path) const;
  [[nodiscard]] std::int64_t last_zxid() const noexcept { return zxid_; }
  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }
  /// Every node by path, parents before children.
  [[nodiscard]] std::vector<std::pair<std::string, const Znode*>> sorted() const;

  // Load from persistence: nodes in any order, then finish_load().
  void load(std::string path, Znode node);
  void finish_load(std::int64_t zxid);

 private:
  struct Watches {
    std::unordered_set<std::string> data;  // set by get and exists
    std::unordered_set<std::string> children;
  };

  StoreResponse apply_write(const StoreOp& op, std::int64_t session, std::int64_t zxid, std::int64_t now_ms, std::vector<StoreEvent>& fired);
  StoreResponse create(const StoreOp& op, std::int64_t session, std::int64_t zxid, std::int64_t now_ms, std::vector<StoreEvent>& fired);
  StoreResponse set(const StoreOp& op, std::int64_t zxid, std::int64_t now_ms, std::vector<StoreEvent>& fired);
  StoreResponse remove(const StoreOp& op, std::int64_t zxid, std::vector<StoreEvent>& fired);
  StoreResponse check(const StoreOp& op) const;
  StoreResponse read(const StoreOp& op, std::int64_t session);
  StoreResponse multi(const StoreOp& op, std::int64_t session, std::int64_t zxid, std::int64_t now_ms, std::vector<StoreEvent>& fired);

  Znode& touch(Change::Kind kind, const std::string& path, std::string child = {});  // records the node before a change
  void undo_to(std::size_t mark);
  void fire(const StoreEvent& event, std::vector<Event>& events);

  std::unordered_map<std::string, Znode, StringHash, std::equal_to<>> nodes_;
  std::map<std::int64_t, Watches> watches_;
  std::vector<Change> changes_;
  std::int64_t zxid_ = 0;
  std::int64_t committed_zxid_ = 0;
};

/// True for a path that ZooKeeper takes: begins with '/', no empty, '.' or '..' step, does not end in '/'.
bool is_valid_path(std::string_view path) noexcept;
/// "/a/b" -> "/a"; "/a" -> "/".
std::string_view parent_path(std::string_view path) noexcept;
std::string_view node_name(std::string_view path) noexcept;

}  // namespace moldau::replication
