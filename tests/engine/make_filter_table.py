"""Prints filter_table.inc: patterns, paths and what Python's fnmatchcase says of them.

Run it by hand when the table should grow: make_filter_table.py > filter_table.inc. The draw has a
fixed seed, so the table only changes with this file or with Python itself.
"""

import random
from fnmatch import fnmatchcase

BY_HAND = [
    ("*.txt", "a/b.txt"), ("*.txt", "b.txt"), ("/logs/*", "logs/a"), ("**/.git/**", "a/.git/x"),
    ("**/.git/**", ".git/x"), ("a?c", "a/c"), ("[]]", "]"), ("[!]]", "]"), ("[!]]", "a"),
    ("[", "["), ("[]", "[]"), ("[!]", "[!]"), ("[a-", "[a-"), ("[a-]", "-"), ("[-a]", "-"),
    ("[a-c-e]", "b"), ("[a-c-e]", "-"), ("[a-c-e]", "d"), ("[c-a]", "b"), ("[c-a]x", "x"),
    ("[!c-a]", "b"), ("[b-a!x]", "x"), ("[b-a!x]", "y"), ("[b-a!-z]", "-"), ("[b-a!-z]", "q"),
    ("[^a]", "a"), ("[^a]", "^"), ("[^a]", "b"), ("[[a]", "["), ("[a&&b]", "&"), ("[a||b]", "|"),
    ("[a~~b]", "~"), ("[a--b]", "-"), ("[---]", "-"), ("[!---]", "-"), ("[--]", "-"), ("", ""),
    ("", "a"), ("*", ""), ("***", "a/b"), ("?", "é"), ("??", "é"), ("[à-ü]", "é"), ("[!à-ü]", "é"),
    ("?", "😀"), ("[😀-😂]", "😁"), ("a.c", "abc"), ("a+", "aa"), ("(a|b)", "a"), ("a$", "a"),
    ("*a*b*c*", "xxaxxbxxcxx"), ("*a*b*c*", "xxaxxcxxbxx"), ("*a" * 12, "a" * 40),
    ("*a" * 12 + "b", "a" * 40), ("a\nb", "a\nb"), ("a?b", "a\nb"), ("*", "a\nb"), (" a", "a"),
    ("[a-a]", "a"), ("[z-a-z]", "z"), ("[a-b-c-d]", "c"), ("[a-b-c-d]", "-"), ("[!a-b-c]", "-"),
]


def main():
    draw = random.Random(20240419)
    rows = list(BY_HAND)
    while len(rows) < 8000:
        pattern = "".join(draw.choice("ab-!][*?c/^é") for _ in range(draw.randint(1, 9)))
        path = "".join(draw.choice("abc-]![/é") for _ in range(draw.randint(0, 6)))
        # A trailing slash has a meaning of its own here and is tested by hand.
        if not pattern.endswith("/"):
            rows.append((pattern, path))
    kept, misses = [], 0
    for pattern, path in rows:
        hit = fnmatchcase(path, pattern)
        misses += not hit
        # Most draws miss; keep as many of them as there are hits, about.
        if hit or misses % 25 == 0 or (pattern, path) in BY_HAND:
            kept.append((pattern, path, hit))

    def quoted(text):
        return '"' + text.replace('"', '\\"').replace("\n", "\\n").replace("?", "\\?") + '"'
    for pattern, path, hit in kept:
        print(f"{{{quoted(pattern)}, {quoted(path)}, {str(hit).lower()}}},")


if __name__ == "__main__":
    main()
