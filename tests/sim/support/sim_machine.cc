#include "tests/sim/support/sim_machine.h"

namespace moldau::sim {

using storage::File;

class SimMachine::MachineFile final : public File {
 public:
  MachineFile(SimMachine& machine, std::shared_ptr<File> below) : machine_(machine), below_(std::move(below)) {}

  Status write_at(std::uint64_t position, Bytes bytes) override {
    if (auto s = machine_.may_change(); !s) return s;
    return below_->write_at(position, bytes);
  }
  Result<std::size_t> read_at(std::uint64_t position, MutableBytes out) const override {
    if (auto s = machine_.may_read(); !s) return s.error();
    return below_->read_at(position, out);
  }
  Result<std::size_t> read_cached_at(std::uint64_t position, MutableBytes out) const override {
    if (machine_.is_cold()) return storage::needs_disk();
    return read_at(position, out);
  }
  Result<std::uint64_t> size() const override {
    if (auto s = machine_.may_read(); !s) return s.error();
    return below_->size();
  }
  Status truncate(std::uint64_t size) override {
    if (auto s = machine_.may_change(); !s) return s;
    return below_->truncate(size);
  }
  Status sync() override {
    if (auto s = machine_.may_change(); !s) return s;
    return below_->sync();
  }
  [[nodiscard]] int descriptor() const noexcept override { return below_->descriptor(); }

 private:
  SimMachine& machine_;
  std::shared_ptr<File> below_;
};

Status SimMachine::may_read() const {
  if (!on_) return storage::storage_error("the machine is off");
  return {};
}

Status SimMachine::may_change() {
  if (on_ && ++changes_ >= stop_at_) on_ = false;
  return may_read();
}

Result<std::shared_ptr<File>> SimMachine::open(const std::string& path, storage::OpenMode mode) {
  const bool changes = mode == storage::OpenMode::create || mode == storage::OpenMode::truncate;
  if (auto s = changes ? may_change() : may_read(); !s) return s.error();
  auto file = below_.open(path, mode);
  if (!file) return file.error();
  return std::shared_ptr<File>(std::make_shared<MachineFile>(*this, std::move(*file)));
}

Result<std::vector<storage::DirEntry>> SimMachine::list(const std::string& dir) {
  if (auto s = may_read(); !s) return s.error();
  return below_.list(dir);
}

Result<std::optional<storage::FileInfo>> SimMachine::stat(const std::string& path) {
  if (auto s = may_read(); !s) return s.error();
  return below_.stat(path);
}

Status SimMachine::rename(const std::string& from, const std::string& to) {
  if (auto s = may_change(); !s) return s;
  return below_.rename(from, to);
}

Status SimMachine::remove(const std::string& path) {
  if (auto s = may_change(); !s) return s;
  return below_.remove(path);
}

Status SimMachine::make_directory(const std::string& path, bool parents) {
  if (auto s = may_change(); !s) return s;
  return below_.make_directory(path, parents);
}

Status SimMachine::sync_directory(const std::string& dir) {
  if (auto s = may_change(); !s) return s;
  return below_.sync_directory(dir);
}

Result<storage::VolumeInfo> SimMachine::volume(const std::string& path) {
  if (auto s = may_read(); !s) return s.error();
  return below_.volume(path);
}

Result<std::unique_ptr<storage::FileLock>> SimMachine::lock(const std::string& path) {
  if (auto s = may_change(); !s) return s.error();
  return below_.lock(path);
}

Status SimMachine::set_mtime(const std::string& path, std::int64_t mtime_ms) {
  if (auto s = may_change(); !s) return s;
  return below_.set_mtime(path, mtime_ms);
}

}  // namespace moldau::sim
