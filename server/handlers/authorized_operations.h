// The bit sets of authorized_operations fields (KIP-430). Without an authorizer every operation that a resource supports is allowed.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace moldau::server {

/// Kafka's AclOperation numbers.
enum class AclOperation : std::int8_t {
  read = 3,
  write = 4,
  create = 5,
  remove = 6,
  alter = 7,
  describe = 8,
  cluster_action = 9,
  describe_configs = 10,
  alter_configs = 11,
  idempotent_write = 12
};

constexpr std::int32_t operation_bits(std::initializer_list<AclOperation> operations) {
  std::int32_t bits = 0;
  for (const auto operation : operations) bits |= 1 << static_cast<int>(operation);
  return bits;
}

/// Kafka 3.9 AclEntry.supportedOperations.
inline constexpr std::int32_t kTopicOperations =
    operation_bits({AclOperation::read, AclOperation::write, AclOperation::create, AclOperation::remove, AclOperation::alter, AclOperation::describe,
                    AclOperation::describe_configs, AclOperation::alter_configs});
inline constexpr std::int32_t kClusterOperations =
    operation_bits({AclOperation::create, AclOperation::alter, AclOperation::describe, AclOperation::cluster_action, AclOperation::describe_configs,
                    AclOperation::alter_configs, AclOperation::idempotent_write});

}  // namespace moldau::server
