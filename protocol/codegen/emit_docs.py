"""All schema files -> protocol.md."""

from model import is_struct


def rows(message, fields, depth):
    out = ""
    for f in fields:
        kind = ("[]" if f.array else "") + f.type + ("?" if not f.nullable.empty() else "")
        notes = []
        if not f.nullable.empty() and f.nullable != f.versions:
            notes.append(f"null allowed in {f.nullable}")
        if f.tag is not None:
            notes.append(f"tag {f.tag}")
        if f.default is not None:
            notes.append(f"default {f.default}")
        if f.ignorable:
            notes.append("ignorable")
        if f.secret:
            notes.append("secret")
        out += f"| {'&nbsp;&nbsp;' * depth}{f.name} | {kind} | {f.versions} | {', '.join(notes)} |\n"
        if is_struct(f) and not message.structs[f.type].common:
            out += rows(message, message.structs[f.type].fields, depth + 1)
    return out


def describe(message, title):
    out = f"\n### {title}\n\n"
    if not message.fields:
        return out + "No fields.\n"
    head = "| field | type | versions | notes |\n|---|---|---|---|\n"
    out += head + rows(message, message.fields, 0)
    for s in message.structs.values():
        if s.common:
            out += f"\n`{s.name}`\n\n" + head + rows(message, s.fields, 0)
    return out


def emit(files):
    out = "# Messages\n\nGenerated from `protocol/schema`. Versions are those that Moldau can read and write; what a broker offers is in its ApiVersions answer.\n\n"
    out += "| key | API | versions | flexible | on |\n|---|---|---|---|---|\n"
    for f in files:
        if f.api:
            a = f.api
            notes = a.listeners + (["ClusterAction"] if a.cluster_action else []) + (["forwardable"] if a.forwardable else [])
            out += f"| {a.key} | [{a.name}](#{a.name.lower()}) | {a.versions.low}-{a.versions.high} | {a.flexible} | {', '.join(notes)} |\n"
    for f in files:
        if f.api:
            out += f"\n## {f.api.name}\n" + describe(f.api.request, "Request") + describe(f.api.response, "Response")
        else:
            out += f"\n## {f.stem}\n\n{f.comment}\n"
            for m in f.messages:
                out += describe(m, f"{m.name}, versions {m.versions.low}-{m.versions.high}, flexible {m.flexible}")
    return out
