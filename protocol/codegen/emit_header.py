"""schema file -> <stem>.h: the structs."""

from model import cpp_type, default_value
from parse import MAX_VERSION

NOTE = "// Generated from {path} by protocol/codegen. Do not edit.\n"


def versions_comment(f):
    parts = [f"v{f.versions}"]
    if f.tag is not None:
        parts.append(f"tag {f.tag}")
    if not f.nullable.empty() and f.nullable != f.versions:
        parts.append(f"null v{f.nullable}")
    return ", ".join(parts)


def members(fields, indent):
    pad = " " * indent
    return "".join(f"{pad}{cpp_type(f)} {f.name}{default_value(f)};  ///< {versions_comment(f)}\n" for f in fields)


def functions(indent, checks):
    pad = " " * indent
    out = f"{pad}void decode(Reader& r, std::int16_t version, Arena& arena);\n" if indent > 2 else ""
    out += f"{pad}void encode(Writer& w, std::int16_t version) const;\n"
    out += f"{pad}void measure(Sizer& s, std::int16_t version) const;\n"
    out += f"{pad}[[nodiscard]] const char* unencodable(std::int16_t version) const;\n" if checks else ""
    out += f"{pad}void print(Printer& p) const;\n"
    return out


def equality(name, fields, indent):
    pad = " " * indent
    if any(f.type == "bytes" for f in fields):
        return f"{pad}friend bool operator==(const {name}& a, const {name}& b) {{ return a.equals(b); }}\n{pad}[[nodiscard]] bool equals(const {name}& o) const;\n"
    return f"{pad}friend bool operator==(const {name}&, const {name}&) = default;\n"


def message_struct(message, api):
    name = message.name
    head = f"/// {message.kind.capitalize()}" + (f" of {api.name} (key {api.key})" if api else "") + f", versions {message.versions.low}-{message.versions.high}"
    head += ", flexible since {}.\n".format(message.flexible.low) if not message.flexible.empty() else ", never flexible.\n"
    out = head + f"struct {name} {{\n"
    for s in message.structs.values():
        out += f"  struct {s.name} {{\n" + members(s.fields, 4)
        if s.fields:
            out += "\n"
        out += functions(4, True) + equality(s.name, s.fields, 4)
        out += "  };\n\n"
    out += members(message.fields, 2)
    out += "\n" if message.fields else ""
    if api:
        out += f"  static constexpr ApiKey kApiKey = ApiKey::{snake_api(api)};\n"
    out += f'  static constexpr const char* kName = "{name}";\n'
    out += f"  static constexpr std::int16_t kMinVersion = {message.versions.low};\n"
    out += f"  static constexpr std::int16_t kMaxVersion = {message.versions.high};\n"
    first = message.flexible.low if not message.flexible.empty() else MAX_VERSION
    out += f"  static constexpr std::int16_t kFirstFlexible = {first};\n"
    if message.kind == "request":
        out += f"  using Response = {api.name}Response;\n"
    if message.kind == "response":
        out += f"  using Request = {api.name}Request;\n"
    out += "\n"
    out += "  /// Reads a body of this version; strings, bytes and records borrow from the frame, arrays live in the arena.\n"
    out += "  /// Errors: UNSUPPORTED_VERSION, INVALID_REQUEST (the frame is malformed). Bytes behind the body are left alone.\n"
    out += "  ::moldau::Status decode(Reader& r, std::int16_t version, Arena& arena);\n"
    out += "  /// REQUIRES: a version in range. Fields that the version does not carry are dropped.\n"
    out += functions(2, False)
    out += "  /// Bytes that encode() gives, payloads outside included.\n"
    out += "  [[nodiscard]] std::size_t encoded_size(std::int16_t version) const;\n"
    out += "  /// UNSUPPORTED_VERSION when a field that must not be dropped holds a value that the version cannot carry.\n"
    out += "  [[nodiscard]] ::moldau::Status check_encodable(std::int16_t version) const;\n"
    out += equality(name, message.fields, 2)
    out += "};\n"
    out += f"std::string to_string(const {name}& message);\n"
    return out


def snake_api(api):
    from model import snake

    return snake(api.name)


def emit(schema, root, has_error_response):
    out = NOTE.format(path=schema.path.relative_to(root))
    out += "#pragma once\n\n#include <cstddef>\n#include <cstdint>\n#include <optional>\n#include <string>\n#include <string_view>\n\n"
    out += '#include "protocol/base/arena.h"\n#include "protocol/base/bytes.h"\n#include "protocol/base/error.h"\n#include "protocol/base/ids.h"\n'
    if schema.api:
        out += '#include "protocol/wire/api_keys.h"\n'
    out += '#include "protocol/wire/records_field.h"\n\n'
    out += "namespace moldau::protocol {\n\nclass Printer;\nclass Reader;\nclass Sizer;\nclass Writer;\n"
    if schema.api:
        out += f"struct {schema.api.name}Request;\nstruct {schema.api.name}Response;\n"
    out += "\n"
    for m in schema.messages:
        out += message_struct(m, schema.api) + "\n"
    if has_error_response:
        n = schema.api.name
        out += "/// The answer that carries `code` for everything that was asked, as Apache Kafka's getErrorResponse does it.\n"
        out += "/// `message` goes where the answer has an error message; it must live as long as the answer.\n"
        out += f"{n}Response error_response(const {n}Request& request, ErrorCode code, Arena& arena,\n"
        out += "    std::optional<std::string_view> message = std::nullopt);\n\n"
    out += "}  // namespace moldau::protocol\n"
    return out
