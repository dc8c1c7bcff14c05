// SimMachine: what a broker's files stand on for one life: a switch that can be thrown at any write, over a SimDisk that remembers.
#pragma once

#include <cstdint>
#include <random>

#include "storage/io/disk.h"

namespace moldau::sim {

/// The disks of one life. Once off, everything fails and nothing reaches the disk below: the remains of the broker can't change it any more.
class SimMachine final : public storage::Disk {
 public:
  /// One read of cached bytes in `cold_one_in` finds that they are not cached; 0: none.
  SimMachine(storage::Disk& below, std::uint64_t seed, std::uint64_t cold_one_in) : below_(below), random_(seed), cold_one_in_(cold_one_in) {}

  /// Switches the machine off just before its n-th change of the disk from now on.
  void stop_at(std::uint64_t change) { stop_at_ = changes_ + change; }
  void switch_off() { on_ = false; }
  [[nodiscard]] bool is_on() const noexcept { return on_; }
  [[nodiscard]] std::uint64_t changes() const noexcept { return changes_; }

  Result<std::shared_ptr<storage::File>> open(const std::string& path, storage::OpenMode mode) override;
  Result<std::vector<storage::DirEntry>> list(const std::string& dir) override;
  Result<std::optional<storage::FileInfo>> stat(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status make_directory(const std::string& path, bool parents) override;
  Status sync_directory(const std::string& dir) override;
  Result<storage::VolumeInfo> volume(const std::string& path) override;
  Result<std::unique_ptr<storage::FileLock>> lock(const std::string& path) override;
  Status set_mtime(const std::string& path, std::int64_t mtime_ms) override;

 private:
  class MachineFile;
  [[nodiscard]] Status may_read() const;
  [[nodiscard]] Status may_change();
  [[nodiscard]] bool is_cold() { return cold_one_in_ > 0 && random_() % cold_one_in_ == 0; }

  storage::Disk& below_;
  std::mt19937_64 random_;
  const std::uint64_t cold_one_in_;
  bool on_ = true;
  std::uint64_t changes_ = 0;
  std::uint64_t stop_at_ = UINT64_MAX;
};

}  // namespace moldau::sim
