"""Command line of bench/run."""
import argparse
import fcntl
import json
import os
import sys

from corpora import layout

from . import machine, measure, report
from .peers import Borg, Pipeline, Restic
from .session import STEPS, Session
from .signet import Signet
from .space import Space

_TOOLS = {t.name: t for t in (Signet, Restic, Borg, Pipeline)}


def main():
    options = _arguments()
    if options.report:
        with open(options.report, encoding="utf-8") as f:
            return _publish(json.load(f), options)
    if options.signet:
        Signet.program = os.path.abspath(options.signet)
    tools, corpora = _chosen_tools(options), _chosen_corpora(options)
    lock = _lock(options.dir)
    if not measure.can_be_cold():
        print("bench: only root can empty the page cache: these figures are warm", file=sys.stderr)
    with lock:
        result = _measure(options, tools, corpora)
    return _publish(result, options)


def _lock(folder):
    lock = open(os.path.join(folder, "lock"), "w", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"bench: another run is active in {folder}")
    return lock


def _arguments():
    parser = argparse.ArgumentParser(prog="bench/run", description="Measures Signet beside restic, borg and a plain pipeline.")
    names = lambda known: lambda text: _names(parser, text, known)
    parser.add_argument("--corpus", "--corpora", type=names(layout.NAMES), metavar="NAME,…", help="default: those that are there")
    parser.add_argument("--tools", type=names(_TOOLS), metavar="NAME,…", help="of signet,restic,borg,pipeline; default: those installed")
    parser.add_argument("--steps", type=names(STEPS), default=list(STEPS), metavar="STEP,…", help=f"of {','.join(STEPS)}; first always runs")
    parser.add_argument("--runs", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--dir", default=layout.DEFAULT_DIR, help="where the corpora are; default: %(default)s, or SIGNET_BENCH_DIR")
    parser.add_argument("--signet", metavar="PATH", help="the binary; default: signet of PATH")
    parser.add_argument("--compare", action="store_true", help="compare what the first run restored with its source, by diff -r")
    parser.add_argument("--json", metavar="OUT", help="every single measurement")
    parser.add_argument("--markdown", metavar="OUT", help="the report, which is printed as well")
    parser.add_argument("--strict", action="store_true", help="end with 1 if a target is missed")
    parser.add_argument("--keep", action="store_true", help="leave repositories and restored trees in DIR/work")
    parser.add_argument("--report", metavar="JSON", help="measure nothing; print the report of an earlier --json")
    return parser.parse_args()


def _names(parser, text, known):
    names = text.split(",")
    unknown = [n for n in names if n not in known]
    if unknown:
        parser.error(f"{', '.join(unknown)}: not one of {', '.join(known)}")
    return names


def _chosen_tools(options):
    chosen = []
    for name in options.tools or _TOOLS:
        reason = _TOOLS[name].missing()
        if not reason:
            chosen.append(_TOOLS[name])
        elif options.tools:
            sys.exit(f"bench: {name}: {reason}")
        else:
            print(f"bench: leaving out {name}: {reason}", file=sys.stderr)
    return chosen or sys.exit("bench: no tool is installed")


def _chosen_corpora(options):
    corpora = [layout.Corpus(options.dir, name) for name in options.corpus or layout.NAMES]
    if options.corpus:
        absent = [c.name for c in corpora if not c.info()]
        if absent:
            sys.exit(f"bench: {', '.join(absent)} not in {options.dir}: bench/make-corpora --only {' '.join(absent)}")
    return [c for c in corpora if c.info()] or sys.exit(f"bench: no corpus in {options.dir}: bench/make-corpora makes them")


def _measure(options, tools, corpora):
    space = Space(os.path.join(os.path.abspath(options.dir), "work"))
    result = {"machine": machine.describe(), "cold": measure.can_be_cold(), "runs": options.runs,
              "tools": {t.name: t.version() for t in tools}, "corpora": {c.name: c.info() for c in corpora}}
    session = Session(tools, corpora, space, options.steps, options.compare)
    result.update(samples=session.samples, failures=session.failures)
    try:
        for number in range(options.runs):
            session.run(number)
            _save(result, options.json)
    finally:
        _save(result, options.json)
        if not options.keep:
            space.clear()
    return result


def _save(result, path):
    if path:
        with open(path, "w", encoding="utf-8") as f:
            json.dump(result, f, indent=1)
            f.write("\n")


def _publish(result, options):
    text = report.render(result)
    print(text)
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as f:
            f.write(text)
    if result["failures"]:
        return 1
    return 1 if options.strict and report.targets_met(result) is False else 0


if __name__ == "__main__":
    sys.exit(main())
