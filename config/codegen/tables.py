"""Reads and checks the tables: config/properties/*.toml and config/metrics/*.toml."""
import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent

TYPES = {"bool", "string", "int16", "int32", "int64", "double", "list", "class", "password"}
PROPERTY_COLUMNS = {
    "name", "type", "default", "min", "max", "also", "values", "ignore_case", "check", "dynamic", "topic", "synonyms",
    "broker", "importance", "internal", "own", "support", "refused_when", "note", "doc", "apply",
}
METRIC_COLUMNS = {"mbean", "name", "kind", "labels", "optional_labels", "unit", "scale", "doc", "spellings"}
METRIC_KINDS = {"counter", "gauge", "histogram"}


def fail(text):
    sys.exit(f"config tables: {text}")


def read(folder):
    rows = []
    for path in sorted((ROOT / folder).glob("*.toml")):
        with path.open("rb") as file:
            for member, row in tomllib.load(file).items():
                rows.append(dict(row, member=member, file=path.stem))
    return rows


def check_columns(row, required, known):
    """Where the row stands, for messages; fails when a column is missing or unknown."""
    where = f"{row['file']}.toml [{row['member']}]"
    for column in required:
        if column not in row:
            fail(f"{where} has no {column}")
    unknown = set(row) - known - {"member", "file"}
    if unknown:
        fail(f"{where}: unknown column {', '.join(sorted(unknown))}")
    return where


def check_property(row):
    where = check_columns(row, ("name", "type", "importance", "doc"), PROPERTY_COLUMNS)
    if row["type"] not in TYPES:
        fail(f"{where}: unknown type {row['type']}")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", row["member"]):
        fail(f"{where}: not a C++ member name")
    if row.get("support", "used") not in ("used", "not_needed", "later", "refused"):
        fail(f"{where}: unknown support {row['support']}")
    if row.get("support", "used") != "used" and "note" not in row:
        fail(f"{where}: a key that is not used needs a note")
    if (row.get("support") == "refused") != ("refused_when" in row):
        fail(f"{where}: refused and refused_when go together")


def properties():
    """Broker rows and topic rows, by name."""
    rows = read("properties")
    for row in rows:
        check_property(row)
    broker = sorted((r for r in rows if r["file"] != "topic"), key=lambda r: r["name"])
    topic = sorted((r for r in rows if r["file"] == "topic"), key=lambda r: r["name"])
    for group in (broker, topic):
        names = [r["name"] for r in group]
        for name in names:
            if names.count(name) > 1:
                fail(f"{name} is there twice")
    brokers = {r["name"]: r for r in broker}
    for row in broker:
        for synonym in row.get("synonyms", []):
            if synonym not in brokers:
                fail(f"{row['name']}: no such synonym {synonym}")
    for row in topic:
        for source in row.get("broker", []):
            if source["name"] not in brokers:
                fail(f"{row['name']}: no such broker key {source['name']}")
        if row.get("broker") and brokers[row["broker"][0]["name"]].get("topic") != row["name"]:
            fail(f"{row['name']}: {row['broker'][0]['name']} does not name it as its topic key")
    return broker, topic


def metrics():
    rows = read("metrics")
    for row in rows:
        where = check_columns(row, ("name", "kind", "doc"), METRIC_COLUMNS)
        if row["kind"] not in METRIC_KINDS:
            fail(f"{where}: unknown kind {row['kind']}")
    members = [r["member"] for r in rows]
    for member in members:
        if members.count(member) > 1:
            fail(f"metric {member} is there twice")
    return rows
