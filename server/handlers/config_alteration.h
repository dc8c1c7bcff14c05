// What AlterConfigs and IncrementalAlterConfigs share: resources that a request names twice, and the answer for one resource. Kafka 3.9 ConfigAdminManager.
#pragma once

#include <map>
#include <string_view>
#include <utility>

#include "protocol/base/arena.h"
#include "protocol/base/error.h"
#include "replication/admin/config_admin.h"

namespace moldau::server {

/// Knows which resources of a request come more than once. Borrows their names.
class RepeatedResources {
 public:
  template <class Resources>
  explicit RepeatedResources(const Resources& asked) {
    for (const auto& resource : asked) ++count_[{resource.resource_type, resource.resource_name}];
  }
  /// INVALID_REQUEST for each that comes more than once.
  template <class Resource>
  [[nodiscard]] Status check(const Resource& asked) const {
    if (count_.at({asked.resource_type, asked.resource_name}) == 1) return {};
    return Error(ErrorCode::invalid_request, "Each resource must appear at most once.");
  }

 private:
  std::map<std::pair<std::int8_t, std::string_view>, int> count_;
};

template <class Resource>
replication::ConfigResource resource_of(const Resource& asked) {
  replication::ConfigResource resource;
  resource.type = static_cast<replication::ConfigResourceType>(asked.resource_type);
  resource.name = asked.resource_name;
  return resource;
}

/// Fills the answer for one resource.
template <class Resource, class Answer>
void answer_alteration(Arena& arena, const Resource& asked, const Status& done, Answer& to) {
  to.resource_type = asked.resource_type;
  to.resource_name = arena.dup(asked.resource_name);
  to.error_message.reset();
  if (done) return;
  to.error_code = done.error().code;
  to.error_message = arena.dup(done.error().message);
}

}  // namespace moldau::server
