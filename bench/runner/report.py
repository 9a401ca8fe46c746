"""The report, in Markdown: medians, ratios, targets."""
from .figures import SIZED, TIMED, Figures
from .targets import TARGETS

_ORDER = ("signet", "restic", "borg", "pipeline")


def render(result):
    figures = Figures(result["samples"])
    tools = [t for t in _ORDER if t in figures.tools]
    parts = [_heading(result), _medians(figures, tools)]
    if "signet" in tools and len(tools) > 1:
        parts.append(_ratios(figures, tools[1:]))
    if "signet" in tools:
        parts.append(_targets(figures, judged=_full_size(result)))
    if result["failures"]:
        parts.append(["## Failures", ""] + [f"- run {f['run'] + 1}, {f['corpus']}, {f['tool']}: {f['error'].splitlines()[0]}"
                                           for f in result["failures"]])
    return "\n\n".join("\n".join(p) for p in parts) + "\n"


def targets_met(result):
    """None where nothing could be judged."""
    if not _full_size(result):
        return None
    figures = Figures(result["samples"])
    verdicts = [v for v in (_verdict(figures, t)[1] for t in TARGETS) if v is not None]
    return all(verdicts) if verdicts else None


def _full_size(result):
    return all(c["scale"] == 1 for c in result["corpora"].values())


def _heading(result):
    machine = result["machine"]
    lines = ["# Signet beside its peers", "",
             f"{machine['time']}, {machine['cores']} cores ({machine['cpu']}), {machine['memory_mib']} MiB, {machine['system']}, "
             f"kernel {machine['kernel']}, load before {machine['load_before']}; {result['runs']} run(s), "
             f"{'cold' if result['cold'] else '**warm**'} page cache.", ""]
    lines += [f"- {name}: {version}" for name, version in result["tools"].items()]
    for name, info in result["corpora"].items():
        first, change = info["versions"]["1"], info["change"]
        scale = "" if info["scale"] == 1 else f" (scale {info['scale']:g})"
        lines.append(f"- {name}{scale}: {first['files']:,} files, {first['bytes'] / 1e6:,.0f} MB; version 2: {change['files']:,} files "
                     f"changed ({change['files_bytes'] / 1e6:,.0f} MB; {change['differing_bytes'] / 1e6:,.1f} MB of 4 KiB blocks)")
    return lines


def _medians(figures, tools):
    header = ["", *(f"{s}, s" for s in TIMED), "CPU first, s", "CPU restore, s", "peak, MiB", "repository, MB", "growth, MB"]
    rows = []
    for corpus in figures.corpora:
        for tool in tools:
            cells = [_number(figures.median(corpus, tool, step), 2) for step in TIMED]
            cells += [_number(figures.median(corpus, tool, step, "cpu"), 1) for step in ("first", "restore")]
            cells.append(_number(figures.median(corpus, tool, "peak"), 0))
            cells += [_number(figures.median(corpus, tool, what), 1, 1e6) for what in SIZED]
            rows.append([f"{corpus} {tool}", *cells])
    return ["## Medians", "", *_table(header, rows)]


def _ratios(figures, peers):
    header = ["peer / signet", *TIMED, *(f"{w} (signet / peer)" for w in SIZED)]
    rows = []
    for corpus in figures.corpora:
        for peer in peers:
            cells = [_spread(figures.ratios(corpus, step, peer, "signet")) for step in TIMED]
            cells += [_spread(figures.ratios(corpus, what, "signet", peer)) for what in SIZED]
            rows.append([f"{corpus} {peer}", *cells])
    return ["## Ratios of each run: median (least .. most)", "", *_table(header, rows)]


def _targets(figures, judged):
    rows = []
    for target in TARGETS:
        if target.corpus in figures.corpora:
            measured, met = _verdict(figures, target)
            rows.append([target.corpus, target.what, target.text(), measured,
                         "not measured" if met is None else "pass" if met else "**FAIL**"])
    note = [] if judged else ["The corpora are not of full size: these verdicts mean nothing.", ""]
    return ["## Targets", "", *note, *_table(["corpus", "what", "target", "measured", ""], rows)]


def _verdict(figures, target):
    """Ratios are judged by their median, the peak by the worst run of any step, other absolutes by their median."""
    if not target.peer:
        peak = target.what == "peak"
        value = figures.worst(target.corpus, "signet", "peak") if peak else figures.median(target.corpus, "signet", target.what)
        if value is None:
            return "-", None
        return f"{value:.0f} MiB" if peak else f"{value:.3f} s", _met(target, value)
    pair = (target.peer, "signet") if target.at_least else ("signet", target.peer)
    ratios = figures.ratios(target.corpus, target.what, *pair)
    return (_spread(ratios), _met(target, ratios[1])) if ratios else ("-", None)


def _met(target, value):
    return value >= target.limit if target.at_least else value <= target.limit


def _spread(ratios):
    if not ratios:
        return "-"
    least, median, most = ratios
    return f"{median:.2f}" if least == most else f"{median:.2f} ({least:.2f} .. {most:.2f})"


def _number(value, digits, unit=1):
    return "-" if value is None else f"{value / unit:.{digits}f}"


def _table(header, rows):
    widths = [max(len(r[i]) for r in (header, *rows)) for i in range(len(header))]
    line = lambda cells: "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths)) + " |"
    return [line(header), line(["-" * w for w in widths]), *map(line, rows)]
