"""Plants one violation of each rule in a small tree and sees that tidy finds it, and only it."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import errors  # noqa: E402
import tidy  # noqa: E402

HEADER = "// a.h: what it is for.\n#pragma once\n"
CLEAN = {
    "io/a.h": HEADER,
    "io/a.cc": '#include "io/a.h"\n\n#include <sys/stat.h>\n\nint one() { return 1; }\n',
    "io/meson.build": "files('a.cc')\n",
    "tools/doc/errors.md": "| `gone_wrong` | fail | x | y |\n",
    "engine/b.cc": 'Error e = make_error(ErrorClass::fail, "gone_wrong", "it has");\n',
    "engine/meson.build": "files('b.cc')\n",
    "meson.build": "", "meson_options.txt": "", "README.md": "",
    **{f"{room}/README.md": "" for room in tidy.ROOMS},
}
LONG = "int f() {\n" + "  g();\n" * 69 + "}\n"

# What is changed in the clean tree, and what tidy says then.
PLANTED = [
    ({"io/a.cc": CLEAN["io/a.cc"].replace("<sys/stat.h>", "<openssl/evp.h>")}, "not open"),
    ({"io/a.cc": CLEAN["io/a.cc"].replace("<sys/stat.h>", "<boost/asio.hpp>")}, "no library"),
    ({"io/a.cc": CLEAN["io/a.cc"].replace("<sys/stat.h>", "<regex>")}, "seconds to compile"),
    ({"io/a.cc": CLEAN["io/a.cc"].replace("<sys/stat.h>", '"engine/b.h"'),
      "engine/b.h": "// b.h: x\n#pragma once\n"}, "above or beside"),
    ({"io/a.cc": CLEAN["io/a.cc"].replace("<sys/stat.h>", '"io/none.h"')}, "not a path"),
    ({"io/a.cc": CLEAN["io/a.cc"].replace('#include "io/a.h"\n\n', "")}, "first include"),
    ({"io/a.cc": CLEAN["io/a.cc"].replace("<sys/stat.h>", "<liburing.h>")}, "may know it"),
    ({"engine/b.cc": '#include "net/http_server.h"\n' + CLEAN["engine/b.cc"],
      "net/http_server.h": "// http_server.h: x\n#pragma once\n"}, "no part of the library"),
    ({"io/a.h": "#pragma once\n"}, "contract"),
    ({"io/a.h": "// a.h: what it is for.\n"}, "#pragma once"),
    ({"io/a.cc": CLEAN["io/a.cc"] + "\n" + LONG}, "71 lines, more than 70"),
    ({"io/a.cc": CLEAN["io/a.cc"] + "// x\n" * 600}, "more than 600"),
    ({"io/a.cc": CLEAN["io/a.cc"] + "// \tx\n"}, "a tab"),
    ({"io/a.cc": CLEAN["io/a.cc"] + "// TO" + "DO\n"}, "unfinished"),
    ({"io/a.cc": CLEAN["io/a.cc"].replace("return 1", "  return 1")}, "clang-format"),
    ({"io/a.cc": CLEAN["io/a.cc"] + "\nvoid f() { throw 1; }\n"}, "no exceptions"),
    ({"io/c.cc": "int two();\n"}, "no meson.build builds it"),
    ({"io/meson.build": "files('a.cc', 'd.cc')\n"}, "does not exist"),
    ({"net/README.md": None}, "says in its README.md"),
    ({"tools/doc/errors.md": ""}, "has no row"),
    ({"tools/doc/errors.md": CLEAN["tools/doc/errors.md"] + "| `other` | x |\n"}, "nothing gives"),
    ({"tools/doc/errors.md": CLEAN["tools/doc/errors.md"] * 2}, "two rows"),
]


def findings_of(files, style):
    with tempfile.TemporaryDirectory() as where:
        for path, text in files.items():
            if text is not None:
                (Path(where) / path).parent.mkdir(parents=True, exist_ok=True)
                (Path(where) / path).write_text(text)
        (Path(where) / ".clang-format").write_text(style)
        return tidy.check(Path(where)) + errors.check(Path(where))[1]


def main():
    style = (tidy.ROOT / ".clang-format").read_text()
    assert not (found := findings_of(CLEAN, style)), found
    for change, said in PLANTED:
        found = findings_of(CLEAN | change, style)
        assert len(found) == 1 and said in found[0], (said, found)
    print(f"{len(PLANTED)} passed in 0s")


if __name__ == "__main__":
    main()
