#include "server/http/metrics_text.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <vector>

#include "config/metrics.h"

namespace moldau::server {
namespace {

prometheus::MetricFamily single(std::string name, std::string help, prometheus::MetricType type, double value) {
  prometheus::MetricFamily family;
  family.name = std::move(name);
  family.help = std::move(help);
  family.type = type;
  prometheus::ClientMetric metric;
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family.metric.push_back(std::move(metric));
  return family;
}

/// The process_* families that every Prometheus client library shows.
void add_process_metrics(std::vector<prometheus::MetricFamily>& out) {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  out.push_back(single("process_cpu_seconds_total", "User and system CPU time spent, in seconds.", prometheus::MetricType::Counter,
                       seconds(usage.ru_utime) + seconds(usage.ru_stime)));
  long total_pages = 0;
  long resident_pages = 0;
  std::ifstream statm("/proc/self/statm");
  if (statm >> total_pages >> resident_pages) {
    const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
    out.push_back(single("process_resident_memory_bytes", "Resident memory, in bytes.", prometheus::MetricType::Gauge, static_cast<double>(resident_pages) * page));
    out.push_back(single("process_virtual_memory_bytes", "Virtual memory, in bytes.", prometheus::MetricType::Gauge, static_cast<double>(total_pages) * page));
  }
}

}  // namespace

std::string metrics_text() {
  std::vector<prometheus::MetricFamily> families;
  for (auto& family : config::collect_metrics()) {
    prometheus::MetricFamily out;
    out.name = std::move(family.name);
    out.help = std::move(family.help);
    const bool counter = family.type == config::MetricFamily::Type::counter;
    out.type = counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
    out.metric.reserve(family.samples.size());
    for (auto& sample : family.samples) {
      prometheus::ClientMetric metric;
      for (auto& [name, value] : sample.labels) metric.label.push_back({std::move(name), std::move(value)});
      if (counter) {
        metric.counter.value = sample.value;
      } else {
        metric.gauge.value = sample.value;
      }
      out.metric.push_back(std::move(metric));
    }
    families.push_back(std::move(out));
  }
  add_process_metrics(families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace moldau::server
