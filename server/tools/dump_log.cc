#include "server/tools/dump_log.h"

#include <fmt/format.h>

#include "server/tools/complaints.h"
#include "server/tools/dump_files.h"
#include "server/tools/dump_log_options.h"
#include "server/tools/input_file.h"
#include "server/tools/java_text.h"
#include "server/tools/record_decoder.h"
#include "server/tools/verify.h"

namespace moldau::server::tools {
namespace {

Result<std::unique_ptr<RecordDecoder>> make_decoder(const DumpLogOptions& options) {
  if (options.offsets_decoder) return offsets_decoder();
  if (options.transaction_log_decoder) return transaction_log_decoder();
  if (options.remote_log_metadata_decoder) return remote_log_metadata_decoder();
  return class_decoder(options.key_decoder_class, options.value_decoder_class);
}

Status dump_segment_as_asked(const std::string& path, const DumpLogOptions& options, std::FILE* out, Complaints& complaints) {
  const auto decoder = make_decoder(options);
  if (!decoder) return decoder.error();
  const SegmentDumpOptions how{options.deep_iteration, options.print_data_log, options.skip_record_metadata, options.max_bytes};
  return dump_segment(path, how, **decoder, out, complaints);
}

Status dump_file(const std::string& path, const DumpLogOptions& options, std::FILE* out, std::FILE* err, Complaints& complaints) {
  const IndexDumpOptions index{options.index_sanity_check, options.verify_index_only, options.max_message_size};
  const auto suffix = file_suffix(path);
  if (suffix.empty()) return Error(ErrorCode::invalid_config, path + ": the name has no suffix that tells what the file is");
  if (suffix == ".log") return dump_segment_as_asked(path, options, out, complaints);
  if (suffix == ".index") return dump_offset_index(path, index, out, complaints);
  if (suffix == ".timeindex") return dump_time_index(path, index, out, complaints);
  if (suffix == ".txnindex") return dump_transaction_index(path, out);
  if (suffix == ".snapshot") return dump_producer_snapshot(path, out, err);
  fmt::print(err, "Ignoring unknown file {}\n", path);
  return {};
}

int dump_files(const DumpLogOptions& options, std::FILE* out, std::FILE* err) {
  Complaints complaints;
  for (const auto& name : options.files) {
    const auto path = java_path(name);
    fmt::print(out, "Dumping {}\n", path);
    if (const auto s = dump_file(path, options, out, err, complaints); !s) {
      std::fflush(out);
      fmt::print(err, "moldau dump-log: {}\n", s.error().message);
      return 1;
    }
  }
  std::fflush(out);
  complaints.print(err);
  return 0;
}

}  // namespace

int dump_log(const std::vector<std::string>& words, std::string_view version, std::FILE* out, std::FILE* err) {
  auto parsed = parse_dump_log_options(words);
  if (const auto* usage = std::get_if<Usage>(&parsed)) {
    fmt::print(err, "{}", usage->text);
    return 1;
  }
  const auto& options = std::get<DumpLogOptions>(parsed);
  if (options.show_version) {
    fmt::print(out, "{}\n", version);
    return 0;
  }
  return options.verify ? verify(*options.verify, out, err) : dump_files(options, out, err);
}

}  // namespace moldau::server::tools
