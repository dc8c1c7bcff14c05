"""schema file -> <stem>.cc: decode, encode, measure, check, print."""

from emit_header import NOTE
from model import (FIXED, STRINGS, condition, flag, is_struct, min_size, not_default, optional)
from parse import Versions


class Body:
    """Lines of a function; remembers which of its arguments are used."""

    def __init__(self):
        self.lines = []

    def add(self, text, guard=None, depth=0):
        pad = "  " * (depth + 1)
        self.lines.append(f"{pad}if ({guard}) {text}" if guard else pad + text)

    def uses(self, word):
        import re

        pattern = re.compile(rf"\b{word}\b")
        return any(pattern.search(line) for line in self.lines)


def function(signature, body, names, result=None):
    """`names`: arguments; those not used are marked."""
    for name, text in names:
        signature = signature.replace(text, text if body.uses(name) else text[: -len(name)].rstrip() + f" /*{name}*/")
    return signature + " {\n" + "\n".join(body.lines) + ("\n" if body.lines else "") + (f"  return {result};\n" if result else "") + "}\n\n"


class Emitter:
    def __init__(self, message):
        self.m = message

    def flex(self, f, within):
        return "false" if f.never_flexible else flag(self.m.flexible, within)

    def plain(self, fields, within):
        """Fields in the plain sequence: (field, guard, versions of the field here)."""
        for f in fields:
            for span in self.plain_spans(f):
                here = span & within
                if not here.empty():
                    yield f, condition(span, within), here

    def plain_spans(self, f):
        if f.tag is None:
            return [f.versions]
        spans = []
        if f.versions.low < f.tagged.low:
            spans.append(Versions(f.versions.low, f.tagged.low - 1))
        return spans

    def tagged(self, fields, within):
        return sorted((f for f in fields if f.tag is not None and not (f.tagged & within).empty()), key=lambda f: f.tag)

    # --- decode

    def read(self, f, here, tagged=False):
        flex = self.flex(f, here)
        nullable = flag(f.nullable, here)
        if f.array:
            if is_struct(f):
                size = max(1, min_size(self.m, self.m.structs[f.type].fields, here))
                extra = f"{nullable}, " if optional(f) else ""
                return f"read_structs(r, {f.name}, {flex}, {extra}{size}, v, arena);"
            extra = f"{nullable}, " if optional(f) else ""
            return f"read_array(r, {f.name}, {flex}, {extra}arena);"
        if is_struct(f):
            if optional(f):
                # Present or null: a byte of 1 or -1 in the plain sequence, a varint of 1 or 0 in a tagged field.
                present = "r.uvarint() > 0" if tagged else "r.struct_present()"
                # Not emplace(): clang holds a nested struct for not constructible where the outer one's default names it.
                there = {"true": present, "false": "true"}.get(nullable, f"!({nullable}) || {present}")
                return f"{{ if ({there}) {{ {f.type} e; e.decode(r, v, arena); {f.name} = e; }} else {f.name}.reset(); }}"
            return f"{f.name}.decode(r, v, arena);"
        if f.type in FIXED:
            return f"r.read({f.name});"
        if optional(f) or f.type == "records":
            return f"r.read({f.name}, {flex}, {nullable});"
        return f"r.read({f.name}, {flex});"

    def sequence(self, fields, within, plain, no_tags, tags):
        """The plain fields by `plain(field, versions)`, then, where flexible, the tagged ones: `no_tags`, or what `tags(body, fields)` adds."""
        body = Body()
        for f, guard, here in self.plain(fields, within):
            body.add(plain(f, here), guard)
        guard = condition(self.m.flexible, within)
        tagged = self.tagged(fields, within)
        if guard is False:
            return body
        if not tagged:
            body.add(no_tags, guard)
            return body
        body.add("{" if guard is None else f"if ({guard}) {{")
        tags(body, tagged)
        body.add("}")
        return body

    def decode(self, fields, within):
        def tags(body, tagged):
            body.add("for (std::uint32_t n = r.tag_count(); n > 0 && r.ok(); --n) {", depth=1)
            body.add("const Reader::Tag t = r.tag();", depth=2)
            body.add("switch (t.tag) {", depth=2)
            for f in tagged:
                body.add(f"case {f.tag}:", depth=3)
                guard = condition(f.tagged, within & self.m.flexible)
                body.add(self.read(f, f.tagged & within, True), guard, depth=4)
                if guard:
                    body.add("else r.skip(t.size);", depth=4)
                body.add("break;", depth=4)
            body.add("default: r.skip(t.size);", depth=3)
            body.add("}", depth=2)
            body.add("r.end_tag(t);", depth=2)
            body.add("}", depth=1)

        return self.sequence(fields, within, self.read, "r.skip_tags();", tags)

    # --- encode and measure

    @staticmethod
    def by_nullable(nullable, always, maybe):
        """Code for a nullable struct: `always` in versions where null is not allowed, `maybe` where it is."""
        if nullable == "true":
            return "{ " + maybe + " }"
        return always if nullable == "false" else f"{{ if ({nullable}) {{ {maybe} }} else {always} }}"

    def write(self, f, here, tagged=False):
        return self.value(f, here, "w", False, 0 if tagged else -1)

    def size(self, f, here, sizer="s"):
        return self.value(f, here, sizer, True)

    def value(self, f, here, to, measuring, absent=-1):
        """Writes a field to the Writer `to`, or measures it with the Sizer `to`; `absent` marks a struct that is null."""
        flex, nullable = self.flex(f, here), flag(f.nullable, here)
        verb, method = ("measure", "measure") if measuring else ("write", "encode")
        if f.array:
            extra = f", {nullable}" if optional(f) and not measuring else ""
            return f"{verb}_structs({to}, {f.name}, {flex}{extra}, v);" if is_struct(f) else f"{verb}_array({to}, {f.name}, {flex}{extra});"
        if is_struct(f):
            if not optional(f):
                return f"{f.name}.{method}({to}, v);"
            mark = "fixed(1)" if measuring else f"write(static_cast<std::int8_t>({f.name} ? 1 : {absent}))"
            return self.by_nullable(nullable, f"{f.name}.value_or({f.type}{{}}).{method}({to}, v);", f"{to}.{mark}; if ({f.name}) {f.name}->{method}({to}, v);")
        if f.type in FIXED:
            return f"{to}.fixed({FIXED[f.type][1]});" if measuring else f"{to}.write({f.name});"
        call = "string" if f.type in STRINGS else "blob" if f.type == "bytes" else "records"
        extra = f", {nullable}" if optional(f) or f.type == "records" else ""
        return f"{to}.{call}({f.name}, {flex}{extra});"

    def present(self, f, within):
        """Condition for a tagged field to be written."""
        g = condition(f.tagged, within & self.m.flexible)
        test = not_default(f, f.name)
        return f"{g} && ({test})" if g else test

    def encode(self, fields, within):
        def tags(body, tagged):
            body.add("std::uint32_t n = 0;", depth=1)
            for f in tagged:
                body.add("++n;", self.present(f, within), depth=1)
            body.add("w.uvarint(n);", depth=1)
            for f in tagged:
                self.tag(body, f, within, f"w.tag({f.tag}, t);", self.write(f, f.tagged & within, True))

        return self.sequence(fields, within, self.write, "w.uvarint(0);", tags)

    def measure(self, fields, within):
        def tags(body, tagged):
            body.add("std::uint32_t n = 0;", depth=1)
            for f in tagged:
                self.tag(body, f, within, f"s.tagged({f.tag}, t);", "++n;")
            body.add("s.fixed(uvarint_size(n));", depth=1)

        return self.sequence(fields, within, self.size, "s.fixed(1);", tags)

    def tag(self, body, f, within, *statements):
        """A block for a tagged field that is there: `t` has measured it."""
        body.add("{", self.present(f, within), depth=1)
        for line in ("Sizer t;", self.size(f, f.tagged & within, "t"), *statements):
            body.add(line, depth=2)
        body.add("}", depth=1)

    # --- checks

    def check(self, owner, fields, within):
        body = Body()
        for f in fields:
            where = f'"{owner}.{f.name}"'
            absent = condition(f.versions, within)
            if absent is False:
                if not f.ignorable:
                    body.add(f"return {where};", not_default(f, f.name))
                continue
            if absent is not None and not f.ignorable:
                body.add(f"return {where};", f"!({absent}) && ({not_default(f, f.name)})")
            here = f.versions & within
            guard = f"{absent} && " if absent else ""
            if not f.nullable.empty():
                nullable = condition(f.nullable, here)
                null = f"{f.name}.null" if f.type == "records" else f"!{f.name}"
                if nullable is False:
                    body.add(f"return {where};", guard + null)
                elif nullable is not None:
                    body.add(f"return {where};", f"{guard}!({nullable}) && {null}")
            if is_struct(f):
                body.add("{" if absent is None else f"if ({absent}) {{")
                access = f.name
                depth = 1
                if optional(f):
                    body.add(f"if ({f.name}) {{", depth=1)
                    access, depth = "*" + f.name, 2
                if f.array:
                    body.add(f"for (const auto& e : {access})", depth=depth)
                    body.add("if (const char* bad = e.unencodable(v)) return bad;", depth=depth + 1)
                else:
                    body.add(f"if (const char* bad = ({access}).unencodable(v)) return bad;", depth=depth)
                if optional(f):
                    body.add("}", depth=1)
                body.add("}")
        return body

    def print(self, name, fields):
        body = Body()
        body.add(f'p.open("{name}");')
        for f in fields:
            body.add(f'p.secret("{f.name}");' if f.secret else f'p.field("{f.name}", {f.name});')
        body.add("p.close();")
        return body

    def equals(self, name, fields):
        parts = []
        for f in fields:
            if f.type == "bytes" and not f.array:
                parts.append(f"same_bytes({f.name}, o.{f.name})")
            else:
                parts.append(f"{f.name} == o.{f.name}")
        return f"bool {name}::equals(const {name.split('::')[-1]}& o) const {{\n  return " + " &&\n         ".join(parts) + ";\n}\n\n"

    def all(self):
        out = ""
        m = self.m
        for s in m.structs.values():
            q = f"{m.name}::{s.name}"
            v = ("v", "std::int16_t v")
            out += function(f"void {q}::decode(Reader& r, std::int16_t v, Arena& arena)", self.decode(s.fields, s.versions),
                            [("r", "Reader& r"), v, ("arena", "Arena& arena")])
            out += function(f"void {q}::encode(Writer& w, std::int16_t v) const", self.encode(s.fields, s.versions), [("w", "Writer& w"), v])
            out += function(f"void {q}::measure(Sizer& s, std::int16_t v) const", self.measure(s.fields, s.versions), [("s", "Sizer& s"), v])
            out += function(f"const char* {q}::unencodable(std::int16_t v) const", self.check(q, s.fields, s.versions), [v], "nullptr")
            out += function(f"void {q}::print(Printer& p) const", self.print(s.name, s.fields), [])
            if any(f.type == "bytes" for f in s.fields):
                out += self.equals(q, s.fields)
        n = m.name
        decode = self.decode(m.fields, m.versions)
        out += function(f"::moldau::Status {n}::decode(Reader& r, std::int16_t v, Arena& arena)", self.top_decode(n, decode), [("arena", "Arena& arena")])
        v = ("v", "std::int16_t v")
        out += function(f"void {n}::encode(Writer& w, std::int16_t v) const", self.encode(m.fields, m.versions), [("w", "Writer& w"), v])
        out += function(f"void {n}::measure(Sizer& s, std::int16_t v) const", self.measure(m.fields, m.versions), [("s", "Sizer& s"), v])
        out += f"std::size_t {n}::encoded_size(std::int16_t v) const {{\n  Sizer s;\n  measure(s, v);\n  return s.total();\n}}\n\n"
        check = Body()
        check.add("if (v < kMinVersion || v > kMaxVersion) return unsupported_version(kName, v);")
        inner = self.check(n, m.fields, m.versions)
        for line in inner.lines:
            check.lines.append(line.replace("return bad;", "return field_not_in_version(bad, v);").replace(f'return "{n}.', f'return field_not_in_version("{n}.').replace('";', '", v);') if "return " in line else line)
        out += function(f"::moldau::Status {n}::check_encodable(std::int16_t v) const", check, [v], "::moldau::Status()")
        out += function(f"void {n}::print(Printer& p) const", self.print(n, m.fields), [])
        if any(f.type == "bytes" for f in m.fields):
            out += self.equals(n, m.fields)
        out += f"std::string to_string(const {n}& message) {{ return print_message(message); }}\n\n"
        return out

    def top_decode(self, name, decode):
        body = Body()
        body.add(f"*this = {name}{{}};")
        body.add("if (v < kMinVersion || v > kMaxVersion) return unsupported_version(kName, v);")
        body.lines += decode.lines
        body.add("return decoded(r, kName, v);")
        return body


def emit(schema, root, error_response):
    out = NOTE.format(path=schema.path.relative_to(root))
    out += f'#include "protocol/messages/{schema.stem}.h"\n\n'
    out += '#include "protocol/wire/message_support.h"\n#include "protocol/wire/printer.h"\n#include "protocol/wire/reader.h"\n#include "protocol/wire/writer.h"\n\n'
    out += "namespace moldau::protocol {\n\n"
    for m in schema.messages:
        out += Emitter(m).all()
    out += error_response
    out += "}  // namespace moldau::protocol\n"
    return out
