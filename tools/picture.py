# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The picture of the README: what `make demo` printed, as a terminal shows it.

    tools/picture.py          run the demo and write docs/demo.svg

It is drawn on a ground of its own, to be read on light and dark pages. Times are left out, so that the same run is the same
picture; tests/integration/test_demo.py compares it with a run.
"""

from __future__ import annotations

import html
import pathlib
import re
import subprocess
import sys
from typing import Dict, List

ROOT = pathlib.Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "demo.svg"
COMMAND = "make demo"
# The steps that tell the story: shut, opened, verified, and one that is missing.
STEPS = ("2", "3", "5", "8")
INDENT = " " * 6
COLUMNS, CHARACTER, LINE, MARGIN = 116, 7.8, 18, 20
STEP = re.compile(r"^\[(\d)/\d\] (.*?)(?=^\[|\n\n)", re.MULTILINE | re.DOTALL)
TITLE = "A run of %s: the ports are shut, the role opens them, each listener is verified, one that was stopped is found" % COMMAND

HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %(width)d %(height)d" width="%(width)d" height="%(height)d" role="img">
<!-- SPDX-FileCopyrightText: netports contributors -->
<!-- SPDX-License-Identifier: GPL-3.0-or-later -->
<!-- DO NOT EDIT: written by tools/picture.py from a run of the demo -->
<title>%(title)s</title>
<style>
text { font: 13px ui-monospace, "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", monospace }
text { fill: #d6dbe1; white-space: pre }
.step, .command { font-weight: bold; fill: #fff }
.good { fill: #6fd38a }
.bad { fill: #ff8f85 }
</style>
<rect width="100%%" height="100%%" rx="8" fill="#1b2028"/>
"""
# What is shown in colour at the beginning of a line, and as what.
COLOURS = {"ok": "good", "+": "good", "absent": "bad"}


def lines(output: str) -> List[str]:
    """The part of the demo's output that is shown, without times."""
    text = re.sub(r" \(\d+\.\d s\)$", "", output, flags=re.MULTILINE)
    parts: Dict[str, str] = dict(STEP.findall(text))
    shown = ["$ " + COMMAND]
    for step in STEPS:
        shown += ["", *parts[step].rstrip().splitlines()]
    return [line.removeprefix(INDENT[:4])[:COLUMNS] for line in shown]


def drawn(output: str) -> str:
    shown = lines(output)
    size = {"width": 2 * MARGIN + COLUMNS * CHARACTER, "height": 2 * MARGIN + len(shown) * LINE}
    texts = [
        '<text x="%d" y="%d"%s>%s</text>\n' % (MARGIN, MARGIN + (number + 0.75) * LINE, *marked(line))
        for number, line in enumerate(shown)
        if line
    ]
    return HEAD % {**size, "title": TITLE} + "".join(texts) + "</svg>\n"


def marked(line: str) -> List[str]:
    """The class of a line, and its text as markup."""
    word = (line.split() or [""])[0]
    if not line.startswith(" "):
        return [' class="%s"' % ("command" if word == "$" else "step"), html.escape(line)]
    text = html.escape(line, quote=False)
    if word in COLOURS:
        text = text.replace(word, '<tspan class="%s">%s</tspan>' % (COLOURS[word], word), 1)
    return ["", text]


def main() -> int:
    done = subprocess.run([sys.executable, ROOT / "tools" / "demo.py"], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        return done.returncode
    PICTURE.write_text(drawn(done.stdout))
    return 0


if __name__ == "__main__":
    sys.exit(main())
