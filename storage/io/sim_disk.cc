#include "storage/io/sim_disk.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <random>
#include <set>

#include "protocol/base/clock.h"

namespace moldau::storage {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::size_t kSector = 512;

struct Page {
  std::array<std::byte, kPage> now{};
  std::unique_ptr<std::array<std::byte, kPage>> durable;  ///< what the disk holds, while `now` differs
};

struct Inode;
using InodePtr = std::shared_ptr<Inode>;

/// A change of a directory that is not durable yet.
struct DirChange {
  std::string removed;  ///< "" for none
  std::string added;    ///< "" for none
  InodePtr inode;
};

struct Inode {
  bool directory = false;
  std::int64_t mtime_ms = 0;
  // file
  std::uint64_t links = 1;  ///< names
  std::map<std::uint64_t, Page> pages;
  std::uint64_t size = 0;
  std::uint64_t durable_size = 0;
  // directory
  std::map<std::string, InodePtr> entries;
  std::map<std::string, InodePtr> durable_entries;
  std::vector<DirChange> pending;

  Page& dirty_page(std::uint64_t index) {
    auto& page = pages[index];
    if (!page.durable) page.durable = std::make_unique<std::array<std::byte, kPage>>(page.now);
    return page;
  }
};

std::vector<std::string> split_path(const std::string& path) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  while (at < path.size()) {
    const auto slash = std::min(path.find('/', at), path.size());
    auto part = path.substr(at, slash - at);
    if (!part.empty() && part != ".") parts.push_back(std::move(part));
    at = slash + 1;
  }
  return parts;
}

}  // namespace

struct SimDisk::State {
  std::mutex mutex;
  std::mt19937_64 random;
  const Clock* clock = nullptr;
  InodePtr root = std::make_shared<Inode>();
  std::uint64_t generation = 0;  ///< rises with each crash; handles of an older one are dead
  std::uint64_t mutation_count = 0;
  std::uint64_t stop = UINT64_MAX;
  std::int64_t capacity = -1;
  std::set<std::string> locks;
  struct Fault {
    Operation operation;
    std::string path_part;
    int skip;
    int count;
  };
  std::vector<Fault> faults;

  std::int64_t now() const { return clock != nullptr ? clock->wall_ms() : 0; }

  bool faulty(Operation operation, const std::string& path) {
    for (auto& f : faults) {
      if (f.operation != Operation::any && f.operation != operation) continue;
      if (path.find(f.path_part) == std::string::npos) continue;
      if (f.skip > 0) {
        --f.skip;
        continue;
      }
      if (f.count > 0) {
        --f.count;
        return true;
      }
    }
    return false;
  }

  /// Counts a change of the disk; fails when the machine has stopped or a fault is injected.
  Status mutate(Operation operation, const std::string& path) {
    if (mutation_count >= stop) return storage_error("simulated stop at " + path);
    ++mutation_count;
    if (faulty(operation, path)) return storage_error("cannot write to " + path + ": simulated Input/output error");
    return {};
  }

  static std::int64_t used_by(const Inode& node) {
    if (!node.directory) return static_cast<std::int64_t>(std::distance(node.pages.begin(), node.pages.lower_bound((node.size + kPage - 1) / kPage)) * kPage);
    std::int64_t sum = kPage;
    for (const auto& [name, child] : node.entries) sum += used_by(*child);
    return sum;
  }
  /// What may still be written.
  std::int64_t free_bytes() const { return capacity < 0 ? INT64_MAX : std::max<std::int64_t>(0, capacity - used_by(*root)); }

  InodePtr find(const std::string& path) const {
    auto node = root;
    for (const auto& part : split_path(path)) {
      if (!node->directory) return nullptr;
      const auto it = node->entries.find(part);
      if (it == node->entries.end()) return nullptr;
      node = it->second;
    }
    return node;
  }

  /// Directory that holds the last part of the path, and that part.
  std::pair<InodePtr, std::string> locate(const std::string& path) const {
    auto parts = split_path(path);
    if (parts.empty()) return {nullptr, ""};
    const auto name = parts.back();
    auto node = root;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto it = node->entries.find(parts[i]);
      if (it == node->entries.end() || !it->second->directory) return {nullptr, ""};
      node = it->second;
    }
    return {node, name};
  }
};

namespace {

class SimFile final : public File {
 public:
  SimFile(std::shared_ptr<SimDisk::State> state, InodePtr inode, std::string path)
      : state_(std::move(state)), inode_(std::move(inode)), path_(std::move(path)), generation_(state_->generation) {}

  Status write_at(std::uint64_t position, Bytes bytes) override {
    const std::lock_guard lock(state_->mutex);
    if (auto s = alive(); !s) return s;
    if (auto s = state_->mutate(SimDisk::Operation::write, path_); !s) {
      if (!bytes.empty() && state_->random() % 2 == 0) store(position, bytes.first(state_->random() % bytes.size()));
      return s;
    }
    const auto fits = fitting(position, bytes.size());
    store(position, bytes.first(fits));
    if (fits < bytes.size()) return no_space_error("cannot write to " + path_);
    return {};
  }

  Result<std::size_t> read_at(std::uint64_t position, MutableBytes out) const override {
    const std::lock_guard lock(state_->mutex);
    if (auto s = alive(); !s) return s.error();
    if (state_->faulty(SimDisk::Operation::read, path_)) return storage_error("cannot read " + path_ + ": simulated Input/output error");
    if (position >= inode_->size) return std::size_t{0};
    const auto total = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), inode_->size - position));
    std::size_t done = 0;
    while (done < total) {
      const auto at = position + done;
      const auto n = std::min<std::size_t>(total - done, static_cast<std::size_t>(kPage - at % kPage));
      const auto it = inode_->pages.find(at / kPage);
      if (it == inode_->pages.end()) {
        std::fill_n(out.data() + done, n, std::byte{0});
      } else {
        std::copy_n(it->second.now.data() + at % kPage, n, out.data() + done);
      }
      done += n;
    }
    return total;
  }

  Result<std::uint64_t> size() const override {
    const std::lock_guard lock(state_->mutex);
    if (auto s = alive(); !s) return s.error();
    return inode_->size;
  }

  Status truncate(std::uint64_t size) override {
    const std::lock_guard lock(state_->mutex);
    if (auto s = alive(); !s) return s;
    if (auto s = state_->mutate(SimDisk::Operation::write, path_); !s) return s;
    if (size < inode_->size) {
      for (auto it = inode_->pages.lower_bound(size / kPage); it != inode_->pages.end(); ++it) {
        auto& page = inode_->dirty_page(it->first);
        const auto from = it->first == size / kPage ? size % kPage : 0;
        std::fill(page.now.begin() + static_cast<std::ptrdiff_t>(from), page.now.end(), std::byte{0});
      }
    }
    inode_->size = size;
    inode_->mtime_ms = state_->now();
    return {};
  }

  Status sync() override {
    const std::lock_guard lock(state_->mutex);
    if (auto s = alive(); !s) return s;
    if (auto s = state_->mutate(SimDisk::Operation::sync, path_); !s) return s;
    for (auto& [index, page] : inode_->pages) page.durable.reset();
    inode_->durable_size = inode_->size;
    return {};
  }

  [[nodiscard]] int descriptor() const noexcept override { return -1; }

 private:
  Status alive() const {
    if (generation_ != state_->generation) return storage_error(path_ + " was open when the machine crashed");
    return {};
  }
  /// How many of the bytes find room.
  std::size_t fitting(std::uint64_t position, std::size_t bytes) const {
    auto pages = state_->free_bytes() / static_cast<std::int64_t>(kPage);
    for (auto at = position; at < position + bytes; at = (at / kPage + 1) * kPage) {
      const bool there = at / kPage * kPage < inode_->size && inode_->pages.contains(at / kPage);
      if (!there && pages-- <= 0) return static_cast<std::size_t>(at - position);
    }
    return bytes;
  }
  void store(std::uint64_t position, Bytes bytes) {
    if (bytes.empty()) return;
    std::size_t done = 0;
    while (done < bytes.size()) {
      const auto at = position + done;
      const auto n = std::min<std::size_t>(bytes.size() - done, static_cast<std::size_t>(kPage - at % kPage));
      auto& page = inode_->dirty_page(at / kPage);
      std::copy_n(bytes.data() + done, n, page.now.data() + at % kPage);
      done += n;
    }
    inode_->size = std::max(inode_->size, position + bytes.size());
    inode_->mtime_ms = state_->now();
  }

  std::shared_ptr<SimDisk::State> state_;
  InodePtr inode_;
  std::string path_;
  std::uint64_t generation_;
};

class SimLock final : public FileLock {
 public:
  SimLock(std::shared_ptr<SimDisk::State> state, std::string path) : state_(std::move(state)), path_(std::move(path)), generation_(state_->generation) {}
  ~SimLock() override {
    const std::lock_guard lock(state_->mutex);
    if (generation_ == state_->generation) state_->locks.erase(path_);
  }

 private:
  std::shared_ptr<SimDisk::State> state_;
  std::string path_;
  std::uint64_t generation_;
};

void crash_inode(Inode& node, std::mt19937_64& random) {
  if (node.directory) {
    auto entries = node.durable_entries;
    const auto kept = random() % (node.pending.size() + 1);
    for (std::size_t i = 0; i < kept; ++i) {
      const auto& change = node.pending[i];
      if (!change.removed.empty()) entries.erase(change.removed);
      if (!change.added.empty()) entries[change.added] = change.inode;
    }
    node.pending.clear();
    node.entries = entries;
    node.durable_entries = std::move(entries);
    for (auto& [name, child] : node.entries) crash_inode(*child, random);
    return;
  }
  for (auto& [index, page] : node.pages) {
    if (!page.durable) continue;
    switch (random() % 3) {
      case 0: page.now = *page.durable; break;
      case 1: break;
      default: {
        const auto sectors = random() % (kPage / kSector);
        std::copy(page.durable->begin() + static_cast<std::ptrdiff_t>(sectors * kSector), page.durable->end(),
                  page.now.begin() + static_cast<std::ptrdiff_t>(sectors * kSector));
      }
    }
    page.durable.reset();
  }
  if (node.size != node.durable_size) {
    const auto low = std::min(node.size, node.durable_size);
    const auto high = std::max(node.size, node.durable_size);
    switch (random() % 3) {
      case 0: node.size = node.durable_size; break;
      case 1: break;
      default: node.size = low + random() % (high - low + 1);
    }
    // What lies beyond the size reads as zeros if the file grows again.
    for (auto it = node.pages.lower_bound(node.size / kPage); it != node.pages.end(); ++it) {
      const auto from = it->first == node.size / kPage ? node.size % kPage : 0;
      std::fill(it->second.now.begin() + static_cast<std::ptrdiff_t>(from), it->second.now.end(), std::byte{0});
    }
  }
  node.durable_size = node.size;
}

/// Counts the names of all files anew.
void count_links(Inode& dir, bool from_zero) {
  for (auto& [name, child] : dir.entries) {
    if (child->directory) {
      count_links(*child, from_zero);
    } else {
      child->links = from_zero ? 0 : child->links + 1;
    }
  }
}

}  // namespace

SimDisk::SimDisk(std::uint64_t seed, const Clock* clock) : state_(std::make_shared<State>()) {
  state_->random.seed(seed);
  state_->clock = clock;
  state_->root->directory = true;
}

SimDisk::~SimDisk() = default;

Result<std::shared_ptr<File>> SimDisk::open(const std::string& path, OpenMode mode) {
  std::unique_lock lock(state_->mutex);
  auto node = state_->find(path);
  if (node && node->directory) return storage_error("cannot open " + path + ": Is a directory");
  if (!node) {
    if (mode == OpenMode::read || mode == OpenMode::write) return storage_error("cannot open " + path + ": No such file or directory");
    auto [dir, name] = state_->locate(path);
    if (!dir) return storage_error("cannot open " + path + ": No such file or directory");
    if (auto s = state_->mutate(Operation::write, path); !s) return s.error();
    node = std::make_shared<Inode>();
    node->mtime_ms = state_->now();
    dir->entries[name] = node;
    dir->pending.push_back(DirChange{"", name, node});
  } else if (mode == OpenMode::truncate) {
    lock.unlock();
    auto file = std::make_shared<SimFile>(state_, node, path);
    if (auto s = file->truncate(0); !s) return s.error();
    return std::static_pointer_cast<File>(file);
  }
  return std::static_pointer_cast<File>(std::make_shared<SimFile>(state_, node, path));
}

Result<std::vector<DirEntry>> SimDisk::list(const std::string& dir) {
  const std::lock_guard lock(state_->mutex);
  if (state_->faulty(Operation::read, dir)) return storage_error("cannot list " + dir + ": simulated Input/output error");
  const auto node = state_->find(dir);
  if (!node || !node->directory) return storage_error("cannot list " + dir + ": No such file or directory");
  std::vector<DirEntry> entries;
  for (const auto& [name, child] : node->entries) entries.push_back(DirEntry{name, child->directory});
  return entries;
}

Result<std::optional<FileInfo>> SimDisk::stat(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  const auto node = state_->find(path);
  if (!node) return std::optional<FileInfo>();
  return std::optional<FileInfo>(FileInfo{node->size, node->mtime_ms, node->directory, node->links});
}

Status SimDisk::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(state_->mutex);
  if (auto s = state_->mutate(Operation::write, from); !s) return s;
  auto [from_dir, from_name] = state_->locate(from);
  auto [to_dir, to_name] = state_->locate(to);
  if (!from_dir || !to_dir || !from_dir->entries.contains(from_name)) return storage_error("cannot rename " + from + ": No such file or directory");
  auto node = from_dir->entries[from_name];
  const auto target = to_dir->entries.find(to_name);
  if (target != to_dir->entries.end() && target->second->directory && !target->second->entries.empty())
    return storage_error("cannot rename " + from + " to " + to + ": Directory not empty");
  if (target != to_dir->entries.end() && target->second != node) --target->second->links;
  from_dir->entries.erase(from_name);
  to_dir->entries[to_name] = node;
  if (from_dir == to_dir) {
    from_dir->pending.push_back(DirChange{from_name, to_name, node});
  } else {
    to_dir->pending.push_back(DirChange{"", to_name, node});
    from_dir->pending.push_back(DirChange{from_name, "", nullptr});
  }
  return {};
}

Status SimDisk::remove(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  auto [dir, name] = state_->locate(path);
  if (!dir) return {};
  const auto it = dir->entries.find(name);
  if (it == dir->entries.end()) return {};
  if (auto s = state_->mutate(Operation::write, path); !s) return s;
  if (it->second->directory && !it->second->entries.empty()) return storage_error("cannot remove " + path + ": Directory not empty");
  --it->second->links;
  dir->entries.erase(it);
  dir->pending.push_back(DirChange{name, "", nullptr});
  return {};
}

Result<bool> SimDisk::hard_link(const std::string& from, const std::string& to) {
  const std::lock_guard lock(state_->mutex);
  const auto node = state_->find(from);
  const auto [dir, name] = state_->locate(to);
  if (!node || node->directory || !dir) return storage_error("cannot link " + from + " to " + to + ": No such file or directory");
  if (dir->entries.contains(name)) return storage_error("cannot link " + from + " to " + to + ": File exists");
  if (auto s = state_->mutate(Operation::write, to); !s) return s.error();
  ++node->links;
  dir->entries[name] = node;
  dir->pending.push_back(DirChange{"", name, node});
  return true;
}

Status SimDisk::make_directory(const std::string& path, bool parents) {
  const std::lock_guard lock(state_->mutex);
  auto node = state_->root;
  const auto parts = split_path(path);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto it = node->entries.find(parts[i]);
    if (it != node->entries.end()) {
      if (!it->second->directory) return storage_error("cannot make the directory " + path + ": Not a directory");
      node = it->second;
      continue;
    }
    if (!parents && i + 1 < parts.size()) return storage_error("cannot make the directory " + path + ": No such file or directory");
    if (auto s = state_->mutate(Operation::write, path); !s) return s;
    if (state_->free_bytes() < static_cast<std::int64_t>(kPage)) return no_space_error("cannot make the directory " + path);
    auto child = std::make_shared<Inode>();
    child->directory = true;
    node->entries[parts[i]] = child;
    node->pending.push_back(DirChange{"", parts[i], child});
    node = child;
  }
  return {};
}

Status SimDisk::sync_directory(const std::string& dir) {
  const std::lock_guard lock(state_->mutex);
  if (auto s = state_->mutate(Operation::sync, dir); !s) return s;
  const auto node = state_->find(dir);
  if (!node || !node->directory) return storage_error("cannot open the directory " + dir + ": No such file or directory");
  node->durable_entries = node->entries;
  node->pending.clear();
  return {};
}

Result<VolumeInfo> SimDisk::volume(const std::string&) {
  const std::lock_guard lock(state_->mutex);
  if (state_->capacity < 0) return VolumeInfo{std::int64_t{1} << 40, std::int64_t{1} << 39, 1};
  return VolumeInfo{state_->capacity, state_->free_bytes(), 1};
}

void SimDisk::set_capacity(std::int64_t bytes) {
  const std::lock_guard lock(state_->mutex);
  state_->capacity = bytes;
}

std::int64_t SimDisk::used_bytes() const {
  const std::lock_guard lock(state_->mutex);
  return State::used_by(*state_->root);
}

Result<std::unique_ptr<FileLock>> SimDisk::lock(const std::string& path) {
  if (auto f = open(path, OpenMode::create); !f) return f.error();
  const std::lock_guard lock(state_->mutex);
  if (!state_->locks.insert(path).second) return std::unique_ptr<FileLock>();
  return std::unique_ptr<FileLock>(std::make_unique<SimLock>(state_, path));
}

Status SimDisk::set_mtime(const std::string& path, std::int64_t mtime_ms) {
  const std::lock_guard lock(state_->mutex);
  const auto node = state_->find(path);
  if (!node) return storage_error("cannot set the time of " + path + ": No such file or directory");
  node->mtime_ms = mtime_ms;
  return {};
}

void SimDisk::crash() {
  const std::lock_guard lock(state_->mutex);
  ++state_->generation;
  state_->stop = UINT64_MAX;
  state_->locks.clear();
  crash_inode(*state_->root, state_->random);
  for (const bool from_zero : {true, false}) count_links(*state_->root, from_zero);
}

void SimDisk::inject(Operation operation, std::string path_part, int skip, int count) {
  const std::lock_guard lock(state_->mutex);
  state_->faults.push_back(State::Fault{operation, std::move(path_part), skip, count});
}

void SimDisk::heal() {
  const std::lock_guard lock(state_->mutex);
  state_->faults.clear();
  state_->capacity = -1;
}

std::uint64_t SimDisk::mutations() const {
  const std::lock_guard lock(state_->mutex);
  return state_->mutation_count;
}

void SimDisk::stop_at(std::uint64_t mutation) {
  const std::lock_guard lock(state_->mutex);
  state_->stop = mutation;
}

}  // namespace moldau::storage
