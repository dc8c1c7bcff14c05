#!/usr/bin/env python3
"""Tables to typed C++ (--out DIR) and to documentation (--docs DIR). Files are only rewritten when they change."""
import argparse
import pathlib

import cpp_metrics
import cpp_properties
import docs
import tables


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    else:
        path.touch()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--docs", type=pathlib.Path)
    args = parser.parse_args()
    broker, topic = tables.properties()
    metrics = tables.metrics()
    if args.out:
        write(args.out / "broker_properties.h", cpp_properties.header(broker))
        write(args.out / "property_rows.cc", cpp_properties.source(broker, topic))
        write(args.out / "metric_handles.h", cpp_metrics.header(metrics))
        write(args.out / "metric_handles.cc", cpp_metrics.source(metrics))
    if args.docs:
        write(args.docs / "configuration.md", docs.configuration(broker, topic))
        write(args.docs / "moldau.yaml", docs.sample(broker))
        write(args.docs / "metrics.md", docs.metrics(metrics))


main()
