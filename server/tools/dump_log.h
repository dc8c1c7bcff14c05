// `moldau dump-log`: Apache Kafka's kafka-dump-log (3.9 DumpLogSegments) with the same arguments and the same text, and --verify for whole data directories.
//
// Reads only, and takes no lock: it may run beside a broker, whose newest batches and indexes it then sees half-written at worst.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace moldau::server::tools {

/// `words` are the arguments behind the command; `version` is what --version prints. Returns the exit code.
int dump_log(const std::vector<std::string>& words, std::string_view version, std::FILE* out, std::FILE* err);

}  // namespace moldau::server::tools
