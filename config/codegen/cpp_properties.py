"""broker_properties.h (typed members) and property_rows.cc (the tables as data, and assignment by row)."""
import json

CPP = {"bool": "bool", "string": "std::string", "int16": "std::int16_t", "int32": "std::int32_t", "int64": "std::int64_t",
       "double": "double", "list": "std::vector<std::string>", "class": "std::string", "password": "Password"}
ENUM = {"bool": "boolean", "string": "string", "int16": "int16", "int32": "int32", "int64": "int64", "double": "real",
        "list": "list", "class": "class_name", "password": "password"}
MIN_INT64 = -(2**63)


def quote(text):
    return json.dumps(text)


def java_double(value):
    text = repr(float(value))
    if "e" in text:
        digits, exponent = text.split("e")
        return f"{digits if '.' in digits else digits + '.0'}E{int(exponent)}"
    return text


def text_of(row):
    """The default as Kafka prints it."""
    value = row["default"]
    if row["type"] == "bool":
        return "true" if value else "false"
    if row["type"] == "list":
        return ",".join(value)
    if row["type"] == "double":
        return java_double(value)
    return str(value)


def literal(row):
    value = row["default"]
    kind = row["type"]
    if kind == "bool":
        return "true" if value else "false"
    if kind == "list":
        return "{" + ", ".join(quote(v) for v in value) + "}"
    if kind == "double":
        return repr(float(value))
    if kind == "int64":
        return f"{value}LL" if value != MIN_INT64 else "INT64_MIN"
    if kind in ("int16", "int32"):
        return str(value)
    return quote(value)


def nullable(row):
    return "default" not in row


def member_type(row):
    return f"std::optional<{CPP[row['type']]}>" if nullable(row) else CPP[row["type"]]


def header(broker):
    lines = ["// Generated from config/properties/*.toml. Do not edit.", "#pragma once", "", "#include <cstdint>", "#include <optional>",
             "#include <string>", "#include <vector>", "", '#include "config/password.h"', "", "namespace moldau::config {", "",
             "/// Every broker key, typed, with Kafka's defaults. Kafka's null is an empty optional.", "struct BrokerProperties {"]
    for row in broker:
        init = "" if nullable(row) else f" = {literal(row)}"
        lines.append(f"  {member_type(row)} {row['member']}{init};  ///< {row['name']}: {row['doc']}")
    lines += ["", "  friend bool operator==(const BrokerProperties&, const BrokerProperties&) = default;", "};", "", "}  // namespace moldau::config", ""]
    return "\n".join(lines)


def spell(number):
    return java_double(number) if isinstance(number, float) else str(number)


def bound(row, column):
    if column not in row:
        return "Bound{}"
    return f"Bound{{true, {float(row[column])!r}, {quote(spell(row[column]))}}}"


def row_text(row, prefix):
    name = f"{prefix}_{row['member']}"
    arrays = []

    def array(kind, suffix, items):
        if not items:
            return "{}"
        arrays.append(f"constexpr {kind} k{suffix}_{name}[] = {{{', '.join(items)}}};")
        return f"k{suffix}_{name}"

    values = array("std::string_view", "Values", [quote(v) for v in row.get("values", [])])
    synonyms = array("std::string_view", "Synonyms", [quote(v) for v in row.get("synonyms", [])])
    sources = array("TopicSource", "Sources",
                    [f"{{{quote(s['name'])}, {s.get('factor', 1)}}}" for s in row.get("broker", [])])
    fields = [
        quote(row["name"]), f"PropertyType::{ENUM[row['type']]}", "false" if nullable(row) else "true",
        quote("" if nullable(row) else text_of(row)), bound(row, "min"), bound(row, "max"), bound(row, "also"), values,
        "true" if row.get("ignore_case") else "false", f"Check::{row.get('check', 'none')}",
        f"DynamicMode::{row.get('dynamic', 'cluster').replace('-', '_')}", f"Importance::{row['importance']}",
        "true" if row.get("internal") else "false", "true" if row.get("own") else "false", f"Support::{row.get('support', 'used')}",
        f"RefusedWhen::{ {'true': 'is_true'}.get(row.get('refused_when', 'never'), row.get('refused_when', 'never')) }",
        quote(row.get("note", "")), quote(row["doc"]), quote(row.get("topic", "")), synonyms, sources,
    ]
    return arrays, f"    {{{', '.join(fields)}}},"


def table(rows, prefix, name):
    arrays, texts = [], []
    for row in rows:
        more, text = row_text(row, prefix)
        arrays += more
        texts.append(text)
    return arrays + ["", f"constexpr PropertyDef {name}[] = {{"] + texts + ["};", ""]


def source(broker, topic):
    lines = ["// Generated from config/properties/*.toml. Do not edit.", "#include <iterator>", "", '#include "config/broker_properties.h"',
             '#include "config/property_rows.h"', '#include "config/value.h"', "", "namespace moldau::config {", "namespace {", ""]
    lines += table(broker, "b", "kBrokerRows") + table(topic, "t", "kTopicRows")
    lines += ["}  // namespace", "", "std::span<const PropertyDef> broker_properties() { return kBrokerRows; }",
              "std::span<const PropertyDef> topic_properties() { return kTopicRows; }", "",
              "void assign(BrokerProperties& to, const PropertyDef& def, const Value& value) {", "  switch (&def - kBrokerRows) {"]
    for index, row in enumerate(broker):
        lines.append(f"    case {index}: assign_value(to.{row['member']}, value); break;")
    lines += ["    default: break;", "  }", "}", "",
              "Value read(const BrokerProperties& from, const PropertyDef& def) {", "  switch (&def - kBrokerRows) {"]
    for index, row in enumerate(broker):
        lines.append(f"    case {index}: return read_value(from.{row['member']});")
    lines += ["    default: return {};", "  }", "}", "", "void assign(LogConfig& to, const PropertyDef& def, const Value& value) {", "  switch (&def - kTopicRows) {"]
    for index, row in enumerate(topic):
        apply = row.get("apply")
        if apply != "none":
            lines.append(f"    case {index}: " + (f"apply_{apply}(to, value); break;" if apply else f"assign_value(to.{row['member']}, value); break;"))
    lines += ["    default: break;", "  }", "}", "", "}  // namespace moldau::config", ""]
    return "\n".join(lines)
