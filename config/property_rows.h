// What is generated with the table: from a row to the typed member and back.
#pragma once

#include "config/broker_properties.h"
#include "config/log_config.h"
#include "config/property_table.h"
#include "config/value.h"

namespace moldau::config {

/// Sets the member of def. REQUIRES: def is a row of broker_properties(), value was parsed for it.
void assign(BrokerProperties& to, const PropertyDef& def, const Value& value);
/// The member of def as a value.
Value read(const BrokerProperties& from, const PropertyDef& def);
/// The same for a row of topic_properties(); keys that LogConfig does not hold are passed over.
void assign(LogConfig& to, const PropertyDef& def, const Value& value);

/// Topic keys that are more than one member (column `apply`).
void apply_cleanup_policy(LogConfig& to, const Value& value);
void apply_compression_type(LogConfig& to, const Value& value);
void apply_timestamp_type(LogConfig& to, const Value& value);

}  // namespace moldau::config
