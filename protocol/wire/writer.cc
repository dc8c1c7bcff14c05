#include "protocol/wire/writer.h"

namespace moldau::protocol {

namespace {
constexpr std::size_t kMaxString = 0x7fff;
constexpr std::size_t kMaxBytes = 0x7fffffff;
}  // namespace

void Writer::string(std::string_view v, bool flex) {
  if (v.size() > kMaxString) [[unlikely]] {
    ok_ = false;
    v = v.substr(0, kMaxString);
  }
  if (flex)
    uvarint(static_cast<std::uint32_t>(v.size()) + 1);
  else
    write(static_cast<std::int16_t>(v.size()));
  raw(v.data(), v.size());
}

void Writer::string(const std::optional<std::string_view>& v, bool flex, bool nullable) {
  if (v || !nullable)
    string(v.value_or(std::string_view{}), flex);
  else if (flex)
    uvarint(0);
  else
    write(std::int16_t{-1});
}

void Writer::blob(Bytes v, bool flex) {
  if (v.size() > kMaxBytes) [[unlikely]] {
    ok_ = false;
    v = {};
  }
  if (flex)
    uvarint(static_cast<std::uint32_t>(v.size()) + 1);
  else
    write(static_cast<std::int32_t>(v.size()));
  raw(v.data(), v.size());
}

void Writer::blob(const std::optional<Bytes>& v, bool flex, bool nullable) {
  if (v || !nullable)
    blob(v.value_or(Bytes{}), flex);
  else if (flex)
    uvarint(0);
  else
    write(std::int32_t{-1});
}

void Writer::records(const Records& v, bool flex, bool nullable) {
  if (v.null) {
    blob(std::nullopt, flex, nullable);
    return;
  }
  if (v.external == 0) {
    blob(v.bytes, flex);
    return;
  }
  if (v.external_size > kMaxBytes) ok_ = false;
  if (flex)
    uvarint(static_cast<std::uint32_t>(v.external_size) + 1);
  else
    write(static_cast<std::int32_t>(v.external_size));
  splices_.push_back({out_.size(), v.external - 1, v.external_size});
}

}  // namespace moldau::protocol
