#include "config/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "config/metric_handles.h"
#include "protocol/base/log_writer.h"

namespace moldau::config {
namespace {

/// The number behind `name:` in a /proc file of that form; 0 when it is not there.
double proc_number(const char* path, const std::string& name) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(name)) return std::stod(line.substr(name.size()));
  return 0;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double open_descriptors() {
  std::error_code error;
  double count = 0;
  for (auto at = std::filesystem::directory_iterator("/proc/self/fd", error); !error && at != std::filesystem::directory_iterator(); at.increment(error)) ++count;
  return count > 0 ? count - 1 : 0;  // without the one that lists
}

double max_descriptors() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<double>(limit.rlim_cur);
}

/// Boot time plus the process's start in ticks after boot (/proc/self/stat, field 22).
double start_seconds() {
  std::ifstream stat("/proc/self/stat");
  std::string text;
  std::getline(stat, text);
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skip;
  for (int i = 0; i < 19; ++i) fields >> skip;
  double ticks = 0;
  fields >> ticks;
  std::ifstream boot("/proc/stat");
  for (std::string line; std::getline(boot, line);)
    if (line.starts_with("btime ")) return std::stod(line.substr(6)) + ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
  return 0;
}

}  // namespace

std::vector<MetricFamilyBase::Registration> register_process_metrics() {
  auto& m = metrics();
  std::vector<MetricFamilyBase::Registration> out;
  out.push_back(m.process_cpu_seconds.register_callback([](const Emit& emit) { emit({}, cpu_seconds()); }));
  out.push_back(m.process_resident_memory.register_callback([](const Emit& emit) { emit({}, proc_number("/proc/self/status", "VmRSS:") * 1024); }));
  out.push_back(m.process_virtual_memory.register_callback([](const Emit& emit) { emit({}, proc_number("/proc/self/status", "VmSize:") * 1024); }));
  out.push_back(m.process_open_fds.register_callback([](const Emit& emit) { emit({}, open_descriptors()); }));
  out.push_back(m.process_max_fds.register_callback([](const Emit& emit) { emit({}, max_descriptors()); }));
  out.push_back(m.log_lines_dropped.register_callback([](const Emit& emit) { emit({}, static_cast<double>(log_lines_dropped())); }));
  const double start = start_seconds();
  out.push_back(m.process_start_time.register_callback([start](const Emit& emit) { emit({}, start); }));
  out.push_back(m.linux_disk_read_bytes.register_callback([](const Emit& emit) { emit({}, proc_number("/proc/self/io", "read_bytes:")); }));
  out.push_back(m.linux_disk_write_bytes.register_callback([](const Emit& emit) { emit({}, proc_number("/proc/self/io", "write_bytes:")); }));
  return out;
}

}  // namespace moldau::config
