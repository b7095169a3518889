"""What bench/versus says of its figures: a table in Markdown, JSON, and a chart in SVG."""

import dataclasses
import json
import os
import platform
import time
from html import escape
from pathlib import Path

from support import GIB, MIB

UNITS = {"cpu_s": "CPU-s", "wall_s": "s", "peak": "MiB"}
NAMES = {"cpu_s": "CPU", "wall_s": "wall", "peak": "peak memory"}
# Of the chart, in its own units.
BAR, GAP, LEFT, WIDTH = 18, 6, 270, 900
OURS, THEIRS = "#d9480f", "#868e96"


@dataclasses.dataclass
class Row:
    workload: str
    measure: str
    against: str
    ours: float
    theirs: float
    limit: float

    @property
    def ratio(self):
        return self.ours / self.theirs

    @property
    def kept(self):
        return self.ratio <= self.limit


def machine():
    """What it is run on, and whether anything else runs there."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")),
                 platform.machine())
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "load_before": round(os.getloadavg()[0], 2), "date": time.strftime("%Y-%m-%d")}


def title(machine, options):
    busy = machine["load_before"] > 0.5 * machine["cores"]
    load = f", **under load ({machine['load_before']})**" if busy else ""
    return (f"{machine['date']}, {machine['cores']} cores of {machine['cpu']}, kernel "
            f"{machine['kernel']}, scale {options.scale:g}, medians of {options.rounds} rounds"
            f"{load}")


def markdown(machine, options, workloads, rows, void):
    lines = [title(machine, options), ""]
    lines += ["| workload | measure | ours | against | theirs | ratio | goal | |",
              "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        unit = UNITS[row.measure]
        lines.append(
            f"| {row.workload} | {NAMES[row.measure]} | {row.ours:.2f} {unit} | {row.against} | "
            f"{row.theirs:.2f} {unit} | {row.ratio:.3f} | ≤ {row.limit} | "
            f"{'kept' if row.kept else '**missed**'} |")
    lines += ["", "| workload | client | wall s | GiB/s | CPU-s/GiB | peak MiB |",
              "|---|---|---|---|---|---|"]
    for workload in workloads:
        gib = workload.bytes / GIB
        for client in workload.clients:
            wall, cpu = (workload.median(client, name) for name in ("wall_s", "cpu_s"))
            lines.append(f"| {workload.name} | {client} | {wall:.2f} | {gib / wall:.2f} | "
                         f"{cpu / gib:.3f} | {workload.peak(client) / MIB:.0f} |")
    if void:
        lines += ["", void]
    return "\n".join(lines)


def chart(machine, options, workloads):
    """A group of bars a workload: CPU-seconds per GiB of each client."""
    parts, y = [], 40
    for workload in workloads:
        gib = workload.bytes / GIB
        values = {client: workload.median(client, "cpu_s") / gib for client in workload.clients}
        top = max(values.values())
        parts.append(f'<text x="10" y="{y}" font-weight="bold">{escape(workload.name)}, '
                     'CPU-s/GiB</text>')
        y += 10
        for client, value in values.items():
            size = max(1, (WIDTH - LEFT - 80) * value / top)
            color = OURS if client == "headrace" else THEIRS
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


def write(folder, text, machine, options, workloads, rows, void):
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "machine": machine, "scale": options.scale, "rounds": options.rounds, "void": void,
        "goals": [dataclasses.asdict(row) | {"ratio": row.ratio, "kept": row.kept}
                  for row in rows],
        "workloads": [{"name": workload.name, "files": workload.files, "bytes": workload.bytes,
                       "clients": {client: [{"wall_s": cost.wall_s, "cpu_s": cost.cpu_s,
                                             "peak_bytes": cost.peak} for cost in costs]
                                   for client, costs in workload.costs.items()}}
                      for workload in workloads]}
    (folder / "versus.md").write_text(text + "\n")
    (folder / "versus.json").write_text(json.dumps(figures, indent=1) + "\n")
    (folder / "versus.svg").write_text(chart(machine, options, workloads))
