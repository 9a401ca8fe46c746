"""Which lines of the product the tests run: prints each folder's share, and ends with 1 where one of those that promise it has less.

Needs a build with counters (`cmake --preset coverage && cmake --build --preset coverage`) whose tests have been run
(`umask 0; chmod -R a+rwX build/coverage; ctest --preset coverage`: what a test runs as another user, as PostgreSQL's
own server does, is counted only where that user may write the counters). Lines are counted as gcc's own gcov gives
them; one that several objects have counts once.

    coverage.py [--build DIR] [--jobs N] [--missed]
"""

import argparse
import collections
import concurrent.futures
import json
import os
import subprocess
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
FOLDERS = ("core", "format", "storage", "keyring", "backup", "restore", "cli")
PROMISED = {"core": 95.0, "format": 95.0, "keyring": 95.0, "restore": 95.0}


def notes_below(build):
    """One for each object that was built; an object that nobody ran has no counters beside it."""
    for where, _, files in os.walk(build):
        yield from (os.path.join(where, name) for name in files if name.endswith(".gcno"))


def lines_of(note, build):
    """(source below the project, line, times run) of one object."""
    said = subprocess.run(["gcov", "--json-format", "--stdout", note], cwd=build, capture_output=True, text=True, check=False)
    found = []
    for text in said.stdout.splitlines():
        if not text.startswith("{"):
            continue
        document = json.loads(text)
        for file in document["files"]:
            path = os.path.realpath(os.path.join(document["current_working_directory"], file["file"]))
            short = os.path.relpath(path, ROOT)
            if short.split(os.sep)[0] in FOLDERS:
                found += [(short, line["line_number"], line["count"]) for line in file["lines"]]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "coverage"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--missed", action="store_true", help="the lines that nothing runs")
    options = parser.parse_args()
    runs = collections.defaultdict(int)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for found in pool.map(lambda note: lines_of(note, options.build), sorted(notes_below(options.build))):
            for source, line, count in found:
                runs[source, line] = max(runs[source, line], count)
    if not any(runs.values()):
        sys.exit("coverage: nothing was run: cmake --build --preset coverage, ctest --preset coverage")
    if options.missed:
        for source, line in sorted(place for place, count in runs.items() if count == 0):
            print(f"{source}:{line}")
    low = []
    for folder in FOLDERS:
        counts = [count for (source, _), count in runs.items() if source.startswith(folder + os.sep)]
        share = 100 * sum(count > 0 for count in counts) / max(1, len(counts))
        print(f"  {folder:8} {share:5.1f} % of {len(counts):,} lines")
        if share < PROMISED.get(folder, 0):
            low.append(folder)
    print(f"coverage: {len(low)} of {len(PROMISED)} folders have less than they promise{': ' + ', '.join(low) if low else ''}")
    sys.exit(1 if low else 0)


if __name__ == "__main__":
    main()
