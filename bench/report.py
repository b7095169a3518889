"""What bench/versus says of its figures: tables in Markdown, JSON, and charts in SVG."""

import dataclasses
import json
import os
import platform
import statistics
import time
from html import escape
from pathlib import Path

from goals import per_gib
from support import GIB, MIB

UNITS = {"cpu": "CPU-s/GiB", "wall": "s", "rate": "GiB/s", "peak": "MiB"}
NAMES = {"cpu": "CPU", "wall": "wall", "rate": "rate", "peak": "peak memory"}
# Of the charts, in their own units.
BAR, GAP, LEFT, WIDTH = 18, 6, 290, 900
OURS, THEIRS = "#d9480f", "#868e96"


def machine():
    """What it is run on, and whether anything else runs there."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")),
                 platform.machine())
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "load_before": round(os.getloadavg()[0], 2), "date": time.strftime("%Y-%m-%d")}


def title(machine, options):
    return (f"{machine['date']}, {machine['cores']} cores of {machine['cpu']}, kernel "
            f"{machine['kernel']}, load {machine['load_before']} before, scale {options.scale:g}")


def line_of(row):
    verdict = {"missed": "**missed**"}.get(row.verdict, row.verdict)
    if row.why:
        verdict += f": {row.why}"
    goal = f"{'≥' if row.at_least else '≤'} {row.limit:g}"
    unit = UNITS[row.measure]
    ours, theirs, ratio = "–", "–", "–"
    if row.ours is not None:
        ours, theirs = f"{row.ours:.3g} {unit}", f"{row.theirs:.3g} {unit}"
        ratio = f"{row.ratio:.3f}"
    return (f"| {row.workload} | {NAMES[row.measure]} | {ours} | {row.against} | {theirs} | "
            f"{ratio} | {goal} | {verdict} |")


def spread(costs, measure):
    values = sorted(getattr(cost, measure) for cost in costs)
    return f"{statistics.median(values):.2f} ({values[0]:.2f}–{values[-1]:.2f})"


def markdown(machine, options, workloads, rows):
    lines = [title(machine, options), "",
             "| workload | measure | ours | against | theirs | ratio | goal | |",
             "|---|---|---|---|---|---|---|---|", *map(line_of, rows), "",
             "| workload | client | wall s | CPU-s | GiB/s | CPU-s/GiB | peak MiB |",
             "|---|---|---|---|---|---|---|"]
    for workload in workloads:
        gib = workload.bytes / GIB
        for client, costs in workload.costs.items():
            wall, cpu = workload.figure(client, "wall"), workload.figure(client, "cpu")
            lines.append(
                f"| {workload.name} | {client} | {spread(costs, 'wall_s')} | "
                f"{spread(costs, 'cpu_s')} | {gib / wall:.2f} | {cpu:.3f} | "
                f"{workload.figure(client, 'peak'):.0f} |")
    lines += ["", "| workload | GiB | rounds | curl / floor | CPU time of others |",
              "|---|---|---|---|---|"]
    for workload in workloads:
        curl = f"{workload.curl_ratio():.2f}" if workload.yardsticks else "–"
        lines.append(f"| {workload.name} | {workload.bytes / GIB:.2f} | {workload.rounds} | {curl} "
                     f"| {workload.others:.0%} |")
    return "\n".join(lines)


def chart(machine, options, workloads, measure):
    """A group of bars a workload, a bar a client."""
    parts, y = [], 40
    for workload in workloads:
        values = {client: workload.figure(client, measure) for client in workload.costs}
        if not values:
            continue
        top = max(values.values())
        parts.append(f'<text x="10" y="{y}" font-weight="bold">{escape(workload.name)}, '
                     f'{UNITS[measure]}</text>')
        y += 10
        for client, value in values.items():
            size = max(1, (WIDTH - LEFT - 80) * value / top)
            color = OURS if client.startswith("headrace") else THEIRS
            line = y + BAR - 5
            parts += [f'<text x="{LEFT - 8}" y="{line}" text-anchor="end">{escape(client)}</text>',
                      f'<rect x="{LEFT}" y="{y}" width="{size:.1f}" height="{BAR}" '
                      f'fill="{color}"/>',
                      f'<text x="{LEFT + size + 6:.1f}" y="{line}">{value:.2f}</text>']
            y += BAR + GAP
        y += 26
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" '
            'font-family="sans-serif" font-size="13"><rect width="100%" height="100%" '
            f'fill="white"/><text x="10" y="18">{escape(title(machine, options))}</text>')
    return "\n".join([head, *parts, "</svg>", ""])


def costs_of(workload, costs):
    return {client: [{"wall_s": cost.wall_s, "cpu_s": cost.cpu_s, "peak_bytes": cost.peak,
                      "cpu_s_per_gib": per_gib(cost.cpu_s, workload.bytes)} for cost in all_of_it]
            for client, all_of_it in costs.items()}


def figures(machine, options, workloads, rows):
    return {
        "machine": machine, "scale": options.scale,
        "goals": [dataclasses.asdict(row) | {"ratio": row.ratio} for row in rows],
        "workloads": [{"name": workload.name, "files": len(workload.files), "rounds":
                       workload.rounds, "bytes": workload.bytes, "cpu_of_others": workload.others,
                       "clients": costs_of(workload, workload.costs),
                       "yardsticks": {name: [cost.cpu_s for cost in costs]
                                      for name, costs in workload.yardsticks.items()},
                       "missing": workload.missing, "gib_per_second": workload.figures}
                      for workload in workloads]}


def write(folder, text, machine, options, workloads, rows):
    folder.mkdir(parents=True, exist_ok=True)
    told = figures(machine, options, workloads, rows)
    (folder / "versus.md").write_text(text + "\n")
    (folder / "versus.json").write_text(json.dumps(told, indent=1) + "\n")
    for measure in ("cpu", "wall"):
        (folder / f"versus-{measure}.svg").write_text(chart(machine, options, workloads, measure))
