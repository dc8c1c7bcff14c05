#include "replication/delayed/purgatory.h"

#include <utility>

#include "config/metric_handles.h"

namespace moldau::replication {

Purgatory::Purgatory(std::string operation) : operation_(std::move(operation)) {
  auto& m = config::metrics();
  gauges_.push_back(m.num_delayed_operations.register_callback([this](const config::Emit& emit) { emit({operation_}, static_cast<double>(delayed())); }));
  gauges_.push_back(m.purgatory_size.register_callback([this](const config::Emit& emit) { emit({operation_}, static_cast<double>(watched())); }));
}

}  // namespace moldau::replication
