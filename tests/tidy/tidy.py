"""Checks what a compiler does not: the include table, sizes, contracts, formatting, dead entries.

Prints one line for each finding and exits 1 if there is one. Standard library only. The table of
includes is the wall between the rooms: third-party headers count like our own.
"""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
ROOMS = ("io", "net", "engine", "tools", "tests", "bench")
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100

# Functions that may be longer, with the length they may have: the list only ever shrinks.
LONG_FUNCTIONS = {}

# What a file may include, by the longest prefix of its path: own rooms, then third parties.
# The C and C++ standard libraries, POSIX and Linux headers are open to all.
ALL_ROOMS = {"io/", "net/", "engine/", "tools/", "tests/", "bench/"}
INCLUDES = {
    "io/": ({"io/"}, {"liburing", "fmt"}),
    "io/digest/": ({"io/"}, {"openssl", "fmt"}),
    "net/": ({"io/", "net/"}, {"openssl", "llhttp", "fmt"}),
    "engine/": ({"io/", "net/", "engine/"}, {"nlohmann", "expat", "fmt"}),
    "tools/": ({"io/", "net/", "engine/", "tools/"}, {"nlohmann", "CLI", "git2", "mimalloc", "fmt",
                                                       "openssl"}),
    "tests/": (ALL_ROOMS, None),
    "bench/": (ALL_ROOMS, None),
}
# The library never contains a server: nothing below tools may lean on one.
SERVER_HEADERS = ("net/http_server.h", "tools/")
# Only these files know the library that stands before the colon.
ONLY_IN = {"liburing": re.compile(r"^(io/uring\w*|tests/|bench/)"),
           "llhttp": re.compile(r"^(net/\w*parser|tests/|bench/)"),
           "nlohmann": re.compile(r"^(engine/(json\.h|\w+_json\.cc|hub/messages_\w+\.cc)|"
                               r"tools/hub/|tests/|bench/)"),
           "expat": re.compile(r"^(engine/s3/xml\.cc|tests/|bench/)")}
THIRD_PARTIES = ("liburing", "openssl", "llhttp", "nlohmann", "expat", "CLI", "git2", "mimalloc",
                 "fmt", "doctest", "benchmark")
SYSTEM_FOLDERS = {"sys", "linux", "netinet", "arpa", "net", "asm"}
BANNED_HEADERS = {"regex": "it costs seconds to compile", "iostream": "use fmt or cstdio"}

findings = []


def find(path, line, text):
    findings.append(f"{path}:{line}: {text}" if line else f"{path}: {text}")


def third_party(header):
    name = header.split("/")[0].removesuffix(".h").removesuffix(".hpp")
    return name if name in THIRD_PARTIES else None


def check_includes(path, lines):
    rule = INCLUDES[max((key for key in INCLUDES if path.startswith(key)), key=len)]
    first = True
    for number, line in enumerate(lines, 1):
        quoted = re.match(r'#include "([^"]+)"', line)
        angled = re.match(r"#include <([^>]+)>", line)
        if quoted:
            check_own_include(path, number, quoted[1], rule[0])
        elif angled:
            check_foreign_include(path, number, angled[1], rule[1])
        if first and (quoted or angled):
            # A header that is the first thing its own source reads needs nothing before it.
            first = False
            header = re.sub(r"\.cc$", ".h", path)
            if path.endswith(".cc") and (ROOT / header).exists() and not (
                    quoted and quoted[1] == header):
                find(path, number, f'the first include must be "{header}"')


def check_own_include(path, number, header, rooms):
    if not (ROOT / header).exists():
        find(path, number, f'"{header}" is not a path from the top of the tree')
    elif not any(header.startswith(room) for room in rooms):
        find(path, number, f'"{header}" lies above or beside this room')
    elif path.startswith(("io/", "net/", "engine/")) and header.startswith(SERVER_HEADERS):
        if path != header.removesuffix(".h") + ".cc":
            find(path, number, f'"{header}": a server is no part of the library')


def check_foreign_include(path, number, header, libraries):
    library = third_party(header)
    if header in BANNED_HEADERS:
        find(path, number, f"<{header}>: {BANNED_HEADERS[header]}")
    if library is None:
        if "/" in header and header.split("/")[0] not in SYSTEM_FOLDERS:
            find(path, number, f"<{header}> belongs to no library that is known here")
    elif libraries is not None and library not in libraries:
        find(path, number, f"<{header}> is not open to this room")
    elif library in ONLY_IN and not ONLY_IN[library].match(path):
        find(path, number, f"<{header}>: only {ONLY_IN[library].pattern} may know it")


def check_functions(path, lines):
    """Formatted code closes a function with a brace at the depth of its first line."""
    opening = re.compile(r"^( *)(?!.*\b(namespace|struct|class|enum|union)\b)\S.*\{$")
    control = re.compile(r"^\s*(\}|if\b|for\b|while\b|switch\b|do\b|else\b|try\b|case\b|default\b)")
    number = 0
    while number < len(lines):
        line = lines[number]
        found = opening.match(line)
        looks = found and not control.match(line) and re.search(r"\)[^;]*\{$", line)
        if not looks:
            number += 1
            continue
        depth = re.match(r" *", start_of(lines, number))[0]
        end = number + 1
        while end < len(lines) and not re.match(rf"^{depth}\}}", lines[end]):
            end += 1
        length = end - number + 1
        name = re.search(r"([\w:~]+)\(", start_of(lines, number))
        key = f"{path}:{name[1] if name else number + 1}"
        if length > LONG_FUNCTIONS.get(key, FUNCTION_LINES_MAX):
            find(path, number + 1, f"{key.split(':', 1)[1]} has {length} lines, more than "
                                   f"{LONG_FUNCTIONS.get(key, FUNCTION_LINES_MAX)}")
        number = end + 1


def start_of(lines, number):
    """The first line of the statement whose last line is given: a signature may span several."""
    open_brackets = 0
    while number > 0:
        line = lines[number]
        open_brackets += line.count(")") - line.count("(")
        initialiser = line.lstrip().startswith(":") or lines[number - 1].endswith(",")
        if not initialiser and open_brackets <= 0:
            break
        number -= 1
    return lines[number]


def check_source(path, lines):
    check_includes(path, lines)
    if not path.startswith(("tests/", "bench/")):
        check_functions(path, lines)
    if path.endswith(".h"):
        if not lines or not lines[0].startswith(f"// {Path(path).name}:"):
            find(path, 1, f"a header opens with its contract: // {Path(path).name}: …")
        if "#pragma once" not in lines[:40]:
            find(path, 1, "#pragma once is missing")
    if path.startswith(("io/", "net/", "engine/")):
        for number, line in enumerate(lines, 1):
            if re.search(r"\bthrow\b", re.sub(r'"[^"]*"', "", line.split("//")[0])):
                find(path, number, "no exceptions: an Error is returned")


def check_text(path, lines):
    if len(lines) > FILE_LINES_MAX:
        find(path, 0, f"has {len(lines)} lines, more than {FILE_LINES_MAX}")
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            find(path, number, "blanks at the end of the line")
        if "\t" in line:
            find(path, number, "a tab")
        if re.match(r"(<{7}|>{7}|={7})( |$)", line):
            find(path, number, "a merge was left half done")
        if re.search(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b", line):
            find(path, number, "unfinished work is an issue, not a comment")
        if len(line) > COLUMNS_MAX and path.endswith(".py") and "://" not in line:
            find(path, number, f"more than {COLUMNS_MAX} columns")


def check_meson(sources):
    """Every source is built, and everything that is built exists."""
    named = set()
    builds = [ROOT / "meson.build"]
    for room in ROOMS:
        builds += (ROOT / room).rglob("meson.build")
    for build in builds:
        folder = build.parent.relative_to(ROOT).as_posix()
        text = re.sub(r"#.*", "", build.read_text())
        for name in re.findall(r"'([\w./-]+\.(?:cc|c))'", text):
            path = name if folder == "." else f"{folder}/{name}"
            named.add(path)
            # What lies in no folder of ours is a source of the distribution.
            if not (ROOT / path).exists() and (ROOT / path).parent.is_dir():
                find(build.relative_to(ROOT), 0, f"names {name}, which does not exist")
    for path in sources:
        if path.endswith(".cc") and path not in named:
            find(path, 0, "no meson.build builds it")


def check_format(sources):
    def run(part):
        return subprocess.run(["clang-format-19", "--dry-run", "-Werror", *part], cwd=ROOT,
                              capture_output=True, text=True).stderr
    with ThreadPoolExecutor() as pool:
        for output in pool.map(run, (sources[i:i + 8] for i in range(0, len(sources), 8))):
            for path in sorted(set(re.findall(r"^([^:\n]+):\d+:\d+: error", output, re.M))):
                find(path, 0, "clang-format-19 -i would change it")


def files():
    for room in (*ROOMS, ".ci"):
        for path in sorted((ROOT / room).rglob("*")):
            # A corpus holds what breaks every rule of a text.
            kept = ROOT / "tests/fuzz/corpus" in path.parents
            if path.is_file() and "__pycache__" not in path.parts and not kept:
                yield path.relative_to(ROOT).as_posix()
    yield from ("meson.build", "meson_options.txt", "README.md")


def check(root):
    """The findings in the tree below `root`."""
    global ROOT
    ROOT = root
    findings.clear()
    sources = []
    for path in files():
        if not (ROOT / path).exists():
            find(path, 0, "is missing")
            continue
        if re.search(r"requirements-.*\.txt$", path):
            continue
        try:
            lines = (ROOT / path).read_text().split("\n")
        except UnicodeDecodeError:
            find(path, 0, "is not text")
            continue
        if lines[-1] != "":
            find(path, len(lines), "the last line does not end")
        lines = lines[:-1]
        check_text(path, lines)
        if path.endswith((".cc", ".h")):
            sources.append(path)
            check_source(path, lines)
    for room in ROOMS:
        if not (ROOT / room / "README.md").exists():
            find(room, 0, "a room says in its README.md what belongs in it")
    check_meson(sources)
    check_format(sources)
    return list(findings)


def main():
    found = check(ROOT)
    print("\n".join([*found, f"{len(found)} findings"]))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
