// The configuration that explains itself: what `moldau check` prints.
#pragma once

#include <string>

#include "config/load.h"

namespace moldau::config {

enum class EffectiveFormat : std::uint8_t { text, json };

/// Every key that was set (all: every key that has an effect) with its value and origin, passwords hidden; then warnings and errors; as text, a verdict in the last line.
std::string print_effective(const LoadResult& loaded, EffectiveFormat format, bool all);

}  // namespace moldau::config
