"""Command line of bench/make-corpora."""
import argparse
import os
import sys
import time

from . import db, layout, linux, media, tiny, tree

_LINUX_TARBALL = "/usr/src/linux-source-6.1.tar.xz"


def main():
    options = _arguments()
    failed = 0
    for name in options.only or layout.NAMES:
        corpus = layout.Corpus(options.dir, name)
        try:
            if options.version:
                _switch(corpus, options.version)
            elif options.check:
                _check(corpus)
            else:
                _make(corpus, options)
        except (OSError, RuntimeError) as error:
            print(f"make-corpora: {name}: {error}", file=sys.stderr)
            failed = 1
    return failed


def _arguments():
    parser = argparse.ArgumentParser(prog="bench/make-corpora", description="Makes the corpora of the benchmark.")
    parser.add_argument("--only", nargs="+", choices=layout.NAMES, metavar="NAME", help=f"of {', '.join(layout.NAMES)}")
    parser.add_argument("--dir", default=layout.DEFAULT_DIR, help="default: %(default)s, or SIGNET_BENCH_DIR")
    parser.add_argument("--scale", type=float, default=1.0, help="1 is full size; 0.01 will do for a smoke test")
    parser.add_argument("--force", action="store_true", help="make them anew even if they are there")
    parser.add_argument("--linux-tarball", default=_LINUX_TARBALL, metavar="FILE", help="default: %(default)s")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--version", type=int, choices=(1, 2), help="make nothing; switch to this version, in place")
    instead.add_argument("--check", action="store_true", help="make nothing; compare both versions with their fingerprints")
    options = parser.parse_args()
    if not 0 < options.scale <= 1:
        parser.error("--scale is more than 0 and at most 1")
    return options


def _make(corpus, options):
    if corpus.is_current(options.scale) and not options.force:
        corpus.switch_to(1)
        print(f"{corpus.name}: is there  {_describe(corpus.info())}")
        return
    start = time.monotonic()
    os.umask(0o022)
    corpus.start_over()
    change = _build(corpus, options)
    corpus.built()
    corpus.finish({"name": corpus.name, "scale": options.scale, "generation": layout.GENERATION, "change": change,
                   "versions": _facts_of_both(corpus)})
    print(f"{corpus.name}: made in {time.monotonic() - start:.0f} s  {_describe(corpus.info())}")


def _build(corpus, options):
    if corpus.name == "linux":
        return linux.build(corpus, options.scale, options.linux_tarball)
    return {"db": db, "media": media, "tiny": tiny}[corpus.name].build(corpus, options.scale)


def _facts_of_both(corpus):
    """Goes to version 2 and back, and so proves that both switches do what they should."""
    first = tree.facts(corpus.tree)
    corpus.switch_to(2)
    second = tree.facts(corpus.tree)
    corpus.switch_to(1)
    if tree.facts(corpus.tree) != first:
        raise RuntimeError("switching to version 2 and back did not give version 1 again")
    return {"1": first, "2": second}


def _require(corpus):
    if not corpus.info():
        raise FileNotFoundError(f"is not in {corpus.dir}: make it first")


def _switch(corpus, version):
    _require(corpus)
    corpus.switch_to(version)
    print(f"{corpus.name}: version {version} stands in {corpus.tree}")


def _check(corpus):
    _require(corpus)
    recorded = corpus.info()["versions"]
    for version in (2, 1):
        corpus.switch_to(version)
        if tree.facts(corpus.tree) != recorded[str(version)]:
            raise RuntimeError(f"version {version} is not what was made")
    print(f"{corpus.name}: both versions are as they were made")


def _describe(info):
    first, change = info["versions"]["1"], info["change"]
    return (f"{first['files']:,} files, {first['bytes'] / 1e6:,.1f} MB, {first['fingerprint'][:12]}; version 2: "
            f"{change['files']:,} files of {change['files_bytes'] / 1e6:,.1f} MB changed, in {change['differing_bytes'] / 1e6:,.1f} MB of "
            f"4 KiB blocks, {info['versions']['2']['fingerprint'][:12]}")


if __name__ == "__main__":
    sys.exit(main())
