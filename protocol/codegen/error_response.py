"""api -> error_response(): the answer that carries one error for everything that a request asked.

Arrays of the response that hold an error code are matched with arrays of the request: by name, else by a shared field.
Lines of the schema's `errors` section decide where that does not do:

    top                      only error codes outside arrays are set
    skip a.b                 leave this array of the response empty
    from a.b = x.y           fill the response's array from the request's (x.y may cross several levels; may be repeated)
    field a.b.name = other   take this field from a request's field with another name; `element`: from the elements of
                             an array of plain values
    value a.b.name = text    a C++ value for it
"""

from emit_source import Body
from model import FIXED, STRINGS, is_struct, optional
from parse import SchemaError

# Types of fields that say which thing was asked; offsets, epochs and times are answers.
IDENTITY = {"Uuid", "ProducerId", "BrokerId", "int8", "int32"}


def holds_error(message, f):
    return is_struct(f) and any(g.type == "ErrorCode" or holds_error(message, g) for g in message.structs[f.type].fields)


class ErrorResponse:
    def __init__(self, api):
        self.api = api
        self.only_top = False
        self.skip = set()
        self.sources = {}
        self.renamed = {}
        self.values = {}
        for words in api.errors:
            if words[0] == "top":
                self.only_top = True
            elif words[0] == "skip":
                self.skip.add(words[1])
            elif words[0] in ("from", "field", "value") and len(words) == 4 and words[2] == "=":
                if words[0] == "from":
                    self.sources.setdefault(words[1], []).append(words[3])
                elif words[0] == "field":
                    self.renamed[words[1]] = words[3]
                else:
                    self.values[words[1]] = words[3]
            else:
                raise SchemaError(f"{api.request.path}: errors: not understood: {' '.join(words)}")
        self.known = set(self.skip) | set(self.sources) | set(self.renamed) | set(self.values)
        self.used = set()
        self.counter = 0

    def struct(self, message, f):
        return message.structs[f.type].fields

    def emit(self):
        body = Body()
        name = self.api.name
        body.add(f"{name}Response response;")
        self.fill(body, self.api.response.fields, "response", "", [(self.api.request.fields, "request", "", self.api.versions)], 0, True)
        body.add("return response;")
        left = self.known - self.used
        if left:
            raise SchemaError(f"{self.api.request.path}: errors: no such field: {', '.join(sorted(left))}")
        signature = f"{name}Response error_response(const {name}Request& request, ErrorCode code, Arena& arena, std::optional<std::string_view> message)"
        for word, text in (("request", f"const {name}Request& request"), ("code", "ErrorCode code"), ("arena", "Arena& arena"),
                           ("message", "std::optional<std::string_view> message")):
            if not body.uses(word):
                signature = signature.replace(text, text[: -len(word)].rstrip() + f" /*{word}*/")
        return signature + " {\n" + "\n".join(body.lines) + "\n}\n\n"

    def fill(self, body, fields, target, path, scopes, depth, top):
        has_error = any(f.type == "ErrorCode" and not f.array for f in fields)
        for f in fields:
            here = f"{path}.{f.name}" if path else f.name
            if here in self.values:
                self.used.add(here)
                body.add(f"{target}.{f.name} = {self.values[here]};", depth=depth)
            elif f.type == "ErrorCode" and not f.array:
                if f.name in ("error_code", "partition_error_code"):
                    body.add(f"{target}.{f.name} = code;", depth=depth)
            elif f.name == "error_message" and has_error:
                body.add(f"{target}.{f.name} = " + ("message;" if optional(f) else "message.value_or(std::string_view{});"), depth=depth)
            elif f.array and (holds_error(self.api.response, f) or here in self.sources) and not self.only_top:
                if here in self.skip:
                    self.used.add(here)
                    continue
                self.array(body, f, target, here, scopes, depth)
            elif not top and not f.array and (f.type in STRINGS or f.type in IDENTITY):
                self.copy(body, f, target, here, scopes, depth)

    def copy(self, body, f, target, here, scopes, depth):
        wanted = [f.name]
        if here in self.renamed:
            self.used.add(here)
            wanted.append(self.renamed[here])
        for fields, variable, _, versions in reversed(scopes):
            for g in fields:
                if (g.versions & versions).empty():
                    continue  # not on the wire when this array is
                if g.name in wanted and not g.array and (g.type == f.type or (g.type in STRINGS and f.type in STRINGS)):
                    value = f"{variable}.{g.name}"
                    if optional(g) and not optional(f):
                        value += ".value_or(std::string_view{})" if f.type in STRINGS else f".value_or({FIXED[f.type][0]}{{}})"
                    body.add(f"{target}.{f.name} = {value};", depth=depth)
                    return
        if here in self.renamed:
            raise SchemaError(f"{self.api.request.path}: errors: no field {self.renamed[here]} in the request for {here}")

    def array(self, body, f, target, here, scopes, depth):
        if here in self.sources:
            self.used.add(here)
            prefix = scopes[-1][2]
            for source in self.sources[here]:
                if prefix and not source.startswith(prefix + "."):
                    continue  # another source of the array above
                self.loops(body, f, target, here, scopes, source[len(prefix) + 1 :] if prefix else source, depth)
            return
        fields = scopes[-1][0]
        response_fields = {(g.name, g.type) for g in self.struct(self.api.response, f) if g.type != "ErrorCode"}
        same = [g for g in fields if g.array and g.name == f.name]
        if not same:
            same = [g for g in fields if g.array and is_struct(g) and response_fields & {(h.name, h.type) for h in self.struct(self.api.request, g)}]
        if not same:
            same = [g for g in fields if g.array and not is_struct(g)]
        if len(same) != 1:
            raise SchemaError(f"{self.api.request.path}: errors: what fills {here} of the response? ({', '.join(g.name for g in same) or 'nothing fits'})")
        self.loops(body, f, target, here, scopes, same[0].name, depth)

    def loops(self, body, f, target, here, scopes, source, depth):
        scopes = list(scopes)
        names = source.split(".")
        opened = 0
        for i, name in enumerate(names):
            fields, variable, prefix, versions = scopes[-1]
            g = next((g for g in fields if g.name == name and g.array), None)
            if g is None:
                raise SchemaError(f"{self.api.request.path}: errors: the request has no array {source}")
            self.counter += 1
            element = f"q{self.counter}"
            array = f"{variable}.{g.name}"
            if optional(g):
                body.add(f"if ({array})  // not null", depth=depth)
                array = "*" + array
            body.add(f"for ([[maybe_unused]] const auto& {element} : {array}) {{", depth=depth)
            opened += 1
            depth += 1
            scopes.append((self.struct(self.api.request, g) if is_struct(g) else [], element, f"{prefix}.{name}" if prefix else name, versions & g.versions))
            scalar = None if is_struct(g) else g
        result = f"r{self.counter}"
        out = f"{target}.{f.name}"
        if optional(f):
            body.add(f"if (!{out}) {out}.emplace();", depth=depth)
            out += "->"
        else:
            out += "."
        body.add(f"auto& {result} = {out}add(arena);", depth=depth)
        members = self.struct(self.api.response, f)
        if scalar is not None:
            wanted = [m for m in members if (m.type == scalar.type or (m.type in STRINGS and scalar.type in STRINGS)) and not m.array and m.name != "error_message"]
            named = [m for m in wanted if self.renamed.get(f"{here}.{m.name}") == "element"]
            self.used |= {f"{here}.{m.name}" for m in named}
            wanted = named or wanted
            if not wanted:
                raise SchemaError(f"{self.api.request.path}: errors: where does an element of {source} go in {here}?")
            body.add(f"{result}.{wanted[0].name} = {scopes[-1][1]};", depth=depth)
            members = [m for m in members if m is not wanted[0]]
        self.fill(body, members, result, here, scopes, depth, False)
        for _ in range(opened):
            depth -= 1
            body.add("}", depth=depth)
