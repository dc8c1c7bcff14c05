"""Schema files -> C++. Called by CMake (codegen/CMakeLists.txt); writes only the files whose content changed.

    generate.py SCHEMA_FOLDER OUTPUT_FOLDER [--docs FILE]
"""

import argparse
import sys
from pathlib import Path

import emit_docs
import emit_header
import emit_source
import emit_tables
import model
import parse
from error_response import ErrorResponse


def write(path, text):
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("schema", type=Path)
    arguments.add_argument("output", type=Path)
    arguments.add_argument("--docs", type=Path)
    args = arguments.parse_args()
    root = args.schema.resolve().parent.parent
    problems = []
    files = parse.parse_all(args.schema.resolve())
    for f in files:
        for m in f.messages:
            model.prepare(m)
    if args.docs:
        write(args.docs, emit_docs.emit(files))
        return 0
    messages, wire = args.output / "protocol/messages", args.output / "protocol/wire"
    for f in files:
        answer = ""
        if f.api:
            try:
                answer = ErrorResponse(f.api).emit()
            except parse.SchemaError as error:
                problems.append(error)
        write(messages / f"{f.stem}.h", emit_header.emit(f, root, bool(f.api)))
        write(messages / f"{f.stem}.cc", emit_source.emit(f, root, answer))
    apis = [f.api for f in files if f.api]
    write(wire / "api_keys.h", emit_tables.api_keys_header(apis))
    write(wire / "api_keys.cc", emit_tables.api_keys_source(apis))
    write(messages / "message_table.h", emit_tables.table_header())
    write(messages / "message_table.cc", emit_tables.table_source(files))
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except parse.SchemaError as problem:
        sys.exit(f"error: {problem}")
