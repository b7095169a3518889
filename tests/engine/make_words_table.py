"""Prints words_table.inc: command lines, and the words that Python's shlex makes of them.

Run it by hand when the table should grow: make_words_table.py > words_table.inc. The draw has a
fixed seed, so the table only changes with this file or with Python itself.
"""

import random
import shlex

BY_HAND = ["", " ", "a", "a b", " a\tb\nc ", "'a b' c", '"a b"c', "a''b", "''", '"" a', "a\\ b",
           "\"\\\"\" '\\'", '"\\a\\\\"', "a#b #c", "$HOME ~ `x` | > *", "é 'ü'"]


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace(
        "\t", "\\t") + '"'


def main():
    draw = random.Random(1)
    lines = BY_HAND + ["".join(draw.choice("ab  '\"\\#\t") for _ in range(draw.randint(2, 12)))
                       for _ in range(400)]
    for line in lines:
        try:
            words = shlex.split(line)
        except ValueError:
            continue
        print(f"{{{quoted(line)}, {{{', '.join(map(quoted, words))}}}}},")


if __name__ == "__main__":
    main()
