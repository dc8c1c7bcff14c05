#include "server/http/metrics_text.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <vector>

#include "config/metrics.h"

namespace moldau::server {
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
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace moldau::server
