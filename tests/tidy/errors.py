"""Every error code of the sources has a row in tools/doc/errors.md, and every row a source.

A code is the string that make_error, system_error or a member named code is given, or that a
function code_of returns; a row of the catalogue opens with the code in backquotes.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CATALOGUE = "tools/doc/errors.md"
GIVEN = re.compile(r'\b(?:make_error\([^";]*?,\s*|(?:system|file|argument)_error\(\s*'
                   r'|code\s*=\s*)"([a-z0-9_]+)"')


# Rows that put a code of ours beside a store's.
MEANT = re.compile(r'\bMeaning\{"\w+",\s*"([a-z0-9_]+)"')

# What an answer's status and headers make of it.
CHOSEN = re.compile(r"^std::string_view code_of\(.*?^\}", re.M | re.S)


def codes_of(text):
    text = re.sub(r"//[^\n]*", "", text)
    chosen = {code for body in CHOSEN.findall(text)
              for code in re.findall(r'return "([a-z0-9_]+)"', body)}
    return set(GIVEN.findall(text)) | set(MEANT.findall(text)) | chosen


def check(root):
    """How many codes there are, and the findings."""
    given = {}
    for room in ("io", "net", "engine", "tools"):
        for path in sorted([*(root / room).rglob("*.cc"), *(root / room).rglob("*.h")]):
            for code in codes_of(path.read_text()):
                given.setdefault(code, path.relative_to(root).as_posix())
    rows = re.findall(r"^\| `([a-z0-9_]+)` ", (root / CATALOGUE).read_text(), re.M)
    findings = [f"{given[code]}: `{code}` has no row in {CATALOGUE}"
                for code in sorted(set(given) - set(rows))]
    findings += [f"{CATALOGUE}: nothing gives `{code}`" for code in sorted(set(rows) - set(given))]
    findings += [f"{CATALOGUE}: `{code}` has two rows"
                 for code in sorted({code for code in rows if rows.count(code) > 1})]
    return len(given), findings


def main():
    count, findings = check(ROOT)
    print("\n".join([*findings, f"{count} codes, {len(findings)} findings"]))
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
