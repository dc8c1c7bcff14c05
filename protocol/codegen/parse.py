"""Reads schema files (syntax: protocol/README.md) into Message objects."""

import re
from dataclasses import dataclass, field
from pathlib import Path

MAX_VERSION = 32767


class SchemaError(Exception):
    pass


@dataclass(frozen=True)
class Versions:
    """A range of versions, both ends included. Empty when low > high."""

    low: int
    high: int

    @staticmethod
    def parse(text):
        if text == "none":
            return Versions(0, -1)
        match = re.fullmatch(r"(\d+)(\+|-(\d+))?", text)
        if not match:
            raise SchemaError(f"not a version range: {text}")
        low = int(match[1])
        if match[2] is None:
            return Versions(low, low)
        return Versions(low, MAX_VERSION if match[2] == "+" else int(match[3]))

    def empty(self):
        return self.low > self.high

    def __and__(self, other):
        return Versions(max(self.low, other.low), min(self.high, other.high))

    def __or__(self, other):
        if self.empty():
            return other
        if other.empty():
            return self
        return Versions(min(self.low, other.low), max(self.high, other.high))

    def covers(self, other):
        return other.empty() or (self.low <= other.low and self.high >= other.high)

    def __str__(self):
        if self.empty():
            return "none"
        if self.high == MAX_VERSION:
            return f"{self.low}+"
        return f"{self.low}" if self.low == self.high else f"{self.low}-{self.high}"


@dataclass
class Field:
    name: str
    type: str  # without [] and ?
    array: bool
    nullable: Versions
    versions: Versions
    tag: int | None = None
    tagged: Versions = Versions(0, -1)
    default: str | None = None
    ignorable: bool = False
    key: bool = False
    secret: bool = False
    never_flexible: bool = False
    line: int = 0


@dataclass
class Struct:
    name: str
    fields: list = field(default_factory=list)
    versions: Versions = Versions(0, -1)  # those in which it is on the wire; filled by model
    common: bool = False


@dataclass
class Message:
    name: str  # FetchRequest, GroupMetadataValue
    kind: str  # request | response | data
    versions: Versions
    flexible: Versions
    path: Path
    fields: list = field(default_factory=list)
    structs: dict = field(default_factory=dict)  # name -> Struct, in order of appearance


@dataclass
class Api:
    name: str
    key: int
    versions: Versions
    flexible: Versions
    listeners: list
    cluster_action: bool
    forwardable: bool
    request: Message | None = None
    response: Message | None = None
    errors: list = field(default_factory=list)


@dataclass
class SchemaFile:
    stem: str  # fetch: generated files are fetch.h and fetch.cc
    path: Path
    comment: str
    api: Api | None
    messages: list


def options(words):
    """["key=1", "forwardable"] -> {"key": "1", "forwardable": True}"""
    out = {}
    for word in words:
        name, eq, value = word.partition("=")
        out[name] = value if eq else True
    return out


FIELD_OPTIONS = {"nullable", "tag", "tagged", "default", "ignorable", "key", "secret", "flexible"}


def parse_field(words, line):
    if len(words) < 3:
        raise SchemaError("a field needs name, type and versions")
    name, kind, versions = words[0], words[1], Versions.parse(words[2])
    opts = options(words[3:])
    unknown = set(opts) - FIELD_OPTIONS
    if unknown:
        raise SchemaError(f"unknown option {', '.join(sorted(unknown))}")
    array = kind.startswith("[]")
    kind = kind[2:] if array else kind
    nullable = Versions(0, -1)
    if kind.endswith("?"):
        kind = kind[:-1]
        nullable = Versions.parse(opts["nullable"]) if "nullable" in opts else versions
    out = Field(name, kind, array, nullable, versions, line=line)
    if "tag" in opts:
        out.tag = int(opts["tag"])
        out.tagged = Versions.parse(opts["tagged"]) if "tagged" in opts else versions
    out.default = opts.get("default")
    out.ignorable = "ignorable" in opts
    out.key = "key" in opts
    out.secret = "secret" in opts
    out.never_flexible = opts.get("flexible") == "none"
    return out


def parse_file(path):
    stem = path.stem.partition("_")[2]
    if not stem:
        raise SchemaError(f"{path}: a schema file is called NN_name.schema")
    result = SchemaFile(stem, path, "", None, [])
    message = None
    stack = []  # (indent, list of fields)
    in_errors = False
    comments = []
    number = 0
    try:
        for number, raw in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            if raw.startswith("#"):
                if result.api is None and not result.messages:
                    comments.append(raw.lstrip("# "))
                continue
            text = raw.split(" #")[0].rstrip()
            if not text:
                continue
            words = text.split()
            indent = len(text) - len(text.lstrip())
            if indent == 0:
                in_errors = False
                if words[0] == "api":
                    opts = options(words[2:])
                    result.api = Api(words[1], int(opts["key"]), Versions.parse(opts["versions"]), Versions.parse(opts["flexible"]),
                                     str(opts.get("listeners", "")).split(",") if opts.get("listeners") else [],
                                     "cluster_action" in opts, "forwardable" in opts)
                elif words[0] in ("request", "response"):
                    api = result.api
                    message = Message(api.name + words[0].capitalize(), words[0], api.versions, api.flexible, path)
                    setattr(api, words[0], message)
                    result.messages.append(message)
                    stack = [(2, message.fields)]
                elif words[0] == "data":
                    opts = options(words[2:])
                    message = Message(words[1], "data", Versions.parse(opts["versions"]), Versions.parse(opts["flexible"]), path)
                    result.messages.append(message)
                    stack = [(2, message.fields)]
                elif words[0] == "errors":
                    in_errors = True
                else:
                    raise SchemaError(f"unknown section {words[0]}")
                continue
            if in_errors:
                result.api.errors.append(words)
                continue
            if words[0] == "struct" and len(words) == 2:
                struct = Struct(words[1], common=True)
                message.structs[struct.name] = struct
                stack = [(2, message.fields), (4, struct.fields)]
                continue
            while stack and stack[-1][0] > indent:
                stack.pop()
            if not stack or stack[-1][0] < indent:
                # One level deeper: the fields of the struct that the line above named.
                if not stack or not stack[-1][1] or indent != stack[-1][0] + 2:
                    raise SchemaError("unexpected indentation")
                parent = stack[-1][1][-1]
                if parent.type in message.structs:
                    raise SchemaError(f"struct {parent.type} is described twice")
                struct = Struct(parent.type)
                message.structs[struct.name] = struct
                stack.append((indent, struct.fields))
            stack[-1][1].append(parse_field(words, number))
    except (SchemaError, KeyError, ValueError) as error:
        raise SchemaError(f"{path}:{number}: {error}") from error
    result.comment = " ".join(comments)
    return result


def parse_all(folder):
    """All schema files of a folder: APIs by key, then data."""
    files = [parse_file(p) for p in sorted(Path(folder).glob("*.schema"))]
    files.sort(key=lambda f: (f.api is None, f.api.key if f.api else 0, f.stem))
    return files
