"""docs/generated: configuration.md, moldau.yaml (a sample), metrics.md."""
from cpp_properties import nullable, text_of

TITLES = {"own": "Keys of our own", "broker": "The broker", "network": "Listeners and connections", "log": "The log", "group": "Consumer groups",
          "replication": "Replication and the controller", "transaction": "Transactions", "security": "Security",
          "metrics_quota": "Metrics and quotas", "zookeeper": "ZooKeeper", "remote": "Tiered storage", "kraft": "KRaft"}
SUPPORT = {"used": "", "not_needed": "not needed: ", "later": "no effect yet: ", "refused": "refused: "}
KAFKA_TYPE = {"bool": "boolean", "int16": "short", "int32": "int", "int64": "long"}


def cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def default_of(row):
    if nullable(row):
        return "null"
    text = text_of(row)
    return f"`{cell(text)}`" if text else '""'


def bounds_of(row):
    if "values" in row:
        return ", ".join(row["values"])
    low, high = row.get("min"), row.get("max")
    text = f"{low} to {high}" if low is not None and high is not None else f"{low} or more" if low is not None else ""
    return text + (f", or {row['also']}" if "also" in row else "")


def remark(row):
    return SUPPORT[row.get("support", "used")] + row.get("note", "")


def configuration(broker, topic):
    lines = ["# Configuration", "", "Generated from `config/properties/*.toml` (`ninja docs`). Sources, later wins: defaults, file (`moldau.yaml` or "
             "`server.properties`), environment (`KAFKA_…`, `KAFKA_CFG_…`), `--override key=value`.", "",
             "`dynamic`: *cluster* keys can be changed at run time for one broker or for all, *per-broker* keys for one; others are read at the start.", ""]
    for group, title in TITLES.items():
        rows = [r for r in broker if r["file"] == group]
        lines += [f"## {title}", "", "| key | type | default | values | dynamic | meaning | remark |", "|---|---|---|---|---|---|---|"]
        for row in rows:
            dynamic = "" if row["dynamic"] == "read-only" else row["dynamic"]
            name = row["name"] + (" (internal)" if row.get("internal") else "")
            lines.append(f"| {name} | {KAFKA_TYPE.get(row['type'], row['type'])} | {default_of(row)} | {cell(bounds_of(row))} | {dynamic} | "
                         f"{cell(row['doc'])} | {cell(remark(row))} |")
        lines.append("")
    lines += ["## Topic keys", "", "All can be changed at run time. The broker key gives the default.", "",
              "| key | type | default | values | broker key | meaning | remark |", "|---|---|---|---|---|---|---|"]
    for row in topic:
        sources = ", ".join(s["name"] for s in row.get("broker", []))
        lines.append(f"| {row['name']} | {KAFKA_TYPE.get(row['type'], row['type'])} | {default_of(row)} | {cell(bounds_of(row))} | {sources} | "
                     f"{cell(row['doc'])} | {cell(remark(row))} |")
    return "\n".join(lines) + "\n"


def sample(broker):
    lines = ["# moldau.yaml: every key that has an effect, with its default. Nested or flat, as you like.", ""]
    for group, title in TITLES.items():
        rows = [r for r in broker if r["file"] == group and r.get("support", "used") == "used" and not r.get("internal")]
        if not rows:
            continue
        lines.append(f"# -- {title}")
        for row in rows:
            value = "" if nullable(row) else text_of(row)
            if row["type"] in ("string", "class", "list") and not nullable(row):
                value = f'"{value}"'
            lines += [f"# {row['doc']}", f"# {row['name']}: {value}".rstrip()]
        lines.append("")
    return "\n".join(lines)


def metrics(rows):
    lines = ["# Metrics", "", "Generated from `config/metrics/*.toml` (`ninja docs`). Served at `/metrics` on the HTTP port. A histogram gives one gauge a "
             "quantile (label `quantile`) and the counter `…_count`; every counter of a histogram also has Kafka's newer spelling `…_count_total`.", "",
             "| Prometheus name | labels | kind | unit | MBean | meaning |", "|---|---|---|---|---|---|"]
    for row in rows:
        labels = ", ".join(row.get("labels", []))
        if row.get("optional_labels"):
            labels += " (or none)"
        lines.append(f"| {row['name']} | {labels} | {row['kind']} | {row.get('unit', '')} | {cell(row.get('mbean', ''))} | {cell(row['doc'])} |")
    return "\n".join(lines) + "\n"
