"""What the emitters need to know of a message: C++ types, order of structs, sizes, conditions on the version."""

from parse import MAX_VERSION, SchemaError, Versions

# Schema type -> (C++ type, bytes on the wire or None, C++ type inside for literals)
FIXED = {
    "bool": ("bool", 1), "int8": ("std::int8_t", 1), "int16": ("std::int16_t", 2), "uint16": ("std::uint16_t", 2),
    "int32": ("std::int32_t", 4), "uint32": ("std::uint32_t", 4), "int64": ("std::int64_t", 8), "float64": ("double", 8),
    "ErrorCode": ("ErrorCode", 2), "Offset": ("Offset", 8), "LeaderEpoch": ("LeaderEpoch", 4), "BrokerId": ("BrokerId", 4),
    "ProducerId": ("ProducerId", 8), "ProducerEpoch": ("ProducerEpoch", 2), "Uuid": ("Uuid", 16),
}
STRONG = {"Offset", "LeaderEpoch", "BrokerId", "ProducerId", "ProducerEpoch"}
STRINGS = {"string", "TopicName", "GroupId", "TransactionalId"}
# What Kafka's own definitions call the type.
KAFKA_TYPE = {
    "ErrorCode": "int16", "Offset": "int64", "LeaderEpoch": "int32", "BrokerId": "int32", "ProducerId": "int64",
    "ProducerEpoch": "int16", "Uuid": "uuid", "TopicName": "string", "GroupId": "string", "TransactionalId": "string",
}


def is_struct(f):
    return f.type not in FIXED and f.type not in STRINGS and f.type not in ("bytes", "records")


def element_type(f):
    if f.type in FIXED:
        return FIXED[f.type][0]
    if f.type in STRINGS:
        return "std::string_view"
    if f.type == "bytes":
        return "Bytes"
    if f.type == "records":
        return "Records"
    return f.type


def optional(f):
    """Whether the C++ member is a std::optional. Records know null themselves."""
    return not f.nullable.empty() and f.type != "records"


def cpp_type(f):
    t = element_type(f)
    if f.array:
        t = f"Array<{t}>"
    return f"std::optional<{t}>" if optional(f) else t


def number(f):
    """The default of a numeric field as C++ text, without its type."""
    if f.default is None:
        return None
    if f.type == "float64":
        return repr(float(f.default))
    value = int(f.default, 0)
    if value == -(2**31):
        return "(-2147483647 - 1)"
    return str(value)


def default_value(f):
    """The member's initialiser with its `=`, or {}: what the field holds when a version does not carry it."""
    if optional(f):
        if f.default == "null":
            return ""
        if f.array or f.type in STRINGS or f.type == "bytes":
            inner = f"Array<{element_type(f)}>" if f.array else element_type(f)
            return "{" + inner + "{}}"
        if is_struct(f):
            return "{" + f.type + "{}}"  # not null but empty, as in Kafka
        raise SchemaError(f"{f.name}: a nullable {f.type} must have default=null")
    if f.array or is_struct(f) or f.type in STRINGS or f.type in ("bytes", "records", "Uuid"):
        if f.default not in (None, "null"):
            raise SchemaError(f"{f.name}: no default possible for {f.type}")
        return ""
    if f.type == "bool":
        return " = true" if f.default == "true" else " = false"
    if f.type == "ErrorCode":
        return f" = static_cast<ErrorCode>({f.default})" if f.default else " = ErrorCode::none"
    value = number(f)
    if f.type in STRONG:
        return "{" + value + "}" if value else ""
    return f" = {value or 0}"


def not_default(f, expr):
    """C++ condition: the value differs from its default."""
    if optional(f):
        if f.default == "null":
            return f"{expr}.has_value()"
        if f.type in STRINGS or f.array or f.type == "bytes":
            return f"!({expr}.has_value() && {expr}->empty())"
        if is_struct(f):
            return f"!({expr}.has_value() && *{expr} == {f.type}{{}})"
    if f.type == "records":
        return f"(!{expr}.null && {expr}.size() != 0)"
    if f.array or f.type in STRINGS or f.type == "bytes":
        return f"!{expr}.empty()"
    if is_struct(f):
        return f"!({expr} == {f.type}{{}})"
    if f.type == "Uuid":
        return f"!{expr}.is_zero()"
    if f.type == "bool":
        return f"!{expr}" if f.default == "true" else expr
    if f.type == "ErrorCode":
        return f"{expr} != ErrorCode::none"
    value = number(f) or "0"
    if f.type in STRONG:
        return f"{expr}.value() != {value}"
    if f.type == "float64":
        return f"{expr} < {value} || {expr} > {value}"
    return f"{expr} != {value}"


def prepare(message):
    """Checks a message, fills each struct's versions, sorts structs so that each stands after those it holds."""
    for owner, fields in [(message.name, message.fields)] + [(s.name, s.fields) for s in message.structs.values()]:
        seen = set()
        for f in fields:
            if f.name in seen:
                raise SchemaError(f"{message.path}: {owner}.{f.name} is there twice")
            seen.add(f.name)
            if is_struct(f) and f.type not in message.structs:
                raise SchemaError(f"{message.path}:{f.line}: unknown type {f.type}")
            if f.tag is not None and not (message.flexible.covers(f.tagged & message.versions)):
                raise SchemaError(f"{message.path}:{f.line}: tagged in a version that is not flexible")

    order = []

    def visit(fields, versions, trail):
        for f in fields:
            if not is_struct(f):
                continue
            if f.type in trail:
                raise SchemaError(f"{message.path}:{f.line}: {f.type} holds itself")
            struct = message.structs[f.type]
            inner = versions & f.versions
            struct.versions = struct.versions | inner
            visit(struct.fields, inner, trail + [f.type])
            if struct not in order:
                order.append(struct)

    visit(message.fields, message.versions, [])
    message.structs = {s.name: s for s in order}


def condition(versions, within):
    """C++ condition for the version `v` in `versions`, knowing that it lies in `within`. None: always; False: never."""
    here = versions & within
    if here.empty():
        return False
    parts = []
    if here.low == here.high and within.low != within.high:
        return f"v == {here.low}"
    if here.low > within.low:
        parts.append(f"v >= {here.low}")
    if here.high < within.high:
        parts.append(f"v <= {here.high}")
    return " && ".join(parts) if parts else None


def flag(versions, within):
    """The same as a C++ expression of type bool."""
    c = condition(versions, within)
    return "true" if c is None else "false" if c is False else c if "&&" not in c else f"({c})"


def min_size(message, fields, within):
    """The smallest number of bytes that these fields take in any version of `within`."""
    best = None
    for v in versions_of(message, within):
        flex = message.flexible.covers(Versions(v, v))
        size = 1 if flex else 0
        for f in fields:
            if not f.versions.covers(Versions(v, v)) or (f.tag is not None and f.tagged.covers(Versions(v, v))):
                continue
            if f.array:
                size += 1 if flex else 4
            elif f.type in FIXED:
                size += FIXED[f.type][1]
            elif f.type in STRINGS:
                size += 1 if flex and not f.never_flexible else 2
            elif f.type in ("bytes", "records"):
                size += 1 if flex else 4
            elif f.nullable.covers(Versions(v, v)):
                size += 1
            else:
                struct = message.structs[f.type]
                size += min_size(message, struct.fields, Versions(v, v))
        best = size if best is None else min(best, size)
    return best or 0


def versions_of(message, within):
    span = message.versions & within
    high = span.high if span.high != MAX_VERSION else message.versions.high
    return range(span.low, high + 1)


def snake(name):
    """FindCoordinator -> find_coordinator"""
    out = ""
    for i, c in enumerate(name):
        if c.isupper() and i > 0 and (not name[i - 1].isupper() or (i + 1 < len(name) and name[i + 1].islower())):
            out += "_"
        out += c.lower()
    return out
