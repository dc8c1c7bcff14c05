"""metric_handles.h (one member a metric row) and metric_handles.cc."""
import json

CLASS = {"counter": "CounterFamily", "gauge": "GaugeFamily", "histogram": "HistogramFamily"}


def header(rows):
    lines = ["// Generated from config/metrics/*.toml. Do not edit.", "#pragma once", "", '#include "config/metrics.h"', "",
             "namespace moldau::config {", "",
             "/// Every metric row as a member. Counting: metrics().bytes_in.add(n), or a handle kept from metrics().bytes_in.with({topic}).",
             "struct Metrics {", "  Metrics();", "  Metrics(const Metrics&) = delete;", "  Metrics& operator=(const Metrics&) = delete;", ""]
    for row in rows:
        labels = ", ".join(row.get("labels", []))
        lines.append(f"  {CLASS[row['kind']]} {row['member']};  ///< {row['name']}{'{' + labels + '}' if labels else ''}: {row['doc']}")
    lines += ["};", "", "/// The process's metrics.", "Metrics& metrics();", "", "}  // namespace moldau::config", ""]
    return "\n".join(lines)


def source(rows):
    lines = ["// Generated from config/metrics/*.toml. Do not edit.", '#include "config/metric_handles.h"', "", "namespace moldau::config {", "",
             "Metrics::Metrics()"]
    first = True
    for row in rows:
        labels = "{" + ", ".join(json.dumps(label) for label in row.get("labels", [])) + "}"
        fields = [json.dumps(row["name"]), json.dumps(row["doc"]), labels, "true" if row.get("optional_labels") else "false",
                  repr(float(row.get("scale", 1)))]
        lines.append(f"    {':' if first else ','} {row['member']}(MetricDef{{{', '.join(fields)}}})")
        first = False
    lines += ["{}", "", "Metrics& metrics() {",
              "  static Metrics* const instance = new Metrics;  // never destroyed: threads may count until the process ends",
              "  return *instance;", "}", "", "}  // namespace moldau::config", ""]
    return "\n".join(lines)
