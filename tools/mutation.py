# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes the pure middle in one place at a time and runs the unit tests that reach the place: `make mutation`.

A mutant that no test fails on is a rule that no test states. Each is killed by a test or explained in tests/mutants.yml; this
command prints those that are neither, in the form of that file, and fails on them and on explanations of nothing.

    tools/mutation.py                 every mutant
    tools/mutation.py --file PATH     those of one file
    tools/mutation.py --part 5        those of one file in five: which ones, the commit says, so that each has its turn
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
from typing import Any, Iterable, Iterator, NamedTuple, Sequence

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.pure_middle import PURE_MIDDLE  # noqa: E402 # the path above

TREE = ROOT / ".venv" / "mutation"
RECORD = ROOT / "tests" / "mutants.yml"
# mutmut names a mutant by the path from where it runs, and a hit by the module: the tree makes them equal.
INSIDE = pathlib.PurePosixPath("ansible_collections/netports/core")
UNIT = pathlib.PurePosixPath("tests/unit")
# Beside those of the middle, with nothing to say about it.
OTHER_TESTS = ("action", "environment", "gather", "hold", "inventory*", "light", "probe", "report*", "run", "yaml")
KILLED = ("killed", "timeout", "segfault")
SETTINGS = """\
[tool.pytest.ini_options]
addopts = "--import-mode=importlib --strict-markers -p no:cacheprovider --hypothesis-profile=mutation"
pythonpath = ["."]
markers = ["slow", "measures_time", "namespaces", "anywhere", "root", "machines"]

[tool.mutmut]
source_paths = ["{inside}/plugins"]
only_mutate = [{files}]
pytest_add_cli_args_test_selection = [{tests}]
pytest_add_cli_args = ["-m", "not measures_time and not slow"]
track_dependencies = false
timeout_constant = 2.0
"""


class Change(NamedTuple):
    """What one mutant changes."""

    path: str
    function: str
    before: str
    after: str


# -- What is mutated ---------------------------------------------------------------------------------------------------


def choose_operators() -> None:
    """Leaves mutmut those of its mutations that other gates do not see.

    mypy refuses None in the place of a value and an argument that is missing. The words of a message are for people,
    and its facts are asserted by the tests of refusals; words that code compares or looks up are mutated.
    """
    from mutmut.mutation import mutators

    def words(node: Any) -> Iterable[Any]:
        found = list(mutators.operator_string(node))
        return found[:1] if found and re.fullmatch(r"\w*['\"][\w.:/-]*['\"]", node.value) else []

    elsewhere = (mutators.operator_assignment, mutators.operator_arg_removal, mutators.operator_lambda)
    kept: list[Any] = [(kind, operator) for kind, operator in mutators.mutation_operators if operator not in elsewhere]
    mutators.mutation_operators[:] = [(k, words if o is mutators.operator_string else o) for k, o in kept]  # type: ignore[index]


def quick_tests_first() -> None:
    """Most mutants fail many tests: the shortest are the first to be asked."""
    from mutmut.runners.harness import PytestRunner
    from mutmut.state import state

    in_any_order = PytestRunner._pytest_args_regular_run

    def ordered(self: PytestRunner, tests: Iterable[str]) -> list[str]:
        durations = state().duration_by_test
        return in_any_order(self, sorted(tests, key=lambda test: (durations.get(test, 0), test)))

    PytestRunner._pytest_args_regular_run = ordered  # type: ignore[method-assign]


def path_of(mutant: str) -> str:
    """plugins/... of ansible_collections.netports.core.plugins....x_function__mutmut_1."""
    module = mutant.rpartition(".")[0]
    return str(pathlib.PurePosixPath(*module.split(".")).relative_to(INSIDE)) + ".py"


# -- The run -----------------------------------------------------------------------------------------------------------


def tests_beside(paths: Iterable[str]) -> list[str]:
    """The unit tests in the directories that mirror those of the files."""
    directories = {UNIT / pathlib.PurePosixPath(path).parent for path in paths}
    found = (path.relative_to(ROOT) for directory in directories for path in (ROOT / directory).glob("test_*.py"))
    return sorted(str(path) for path in found if not any(path.match("test_%s.py" % name) for name in OTHER_TESTS))


def make_tree(paths: Iterable[str]) -> None:
    """A copy of code and tests in which the mutated collection is the one that the tests import."""
    shutil.rmtree(TREE, ignore_errors=True)
    mutated = TREE / "mutants"
    (mutated / ".venv").mkdir(parents=True)
    shutil.copytree(ROOT / "plugins", TREE / INSIDE / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "unit", "lab"):
        copy = shutil.copytree if (ROOT / "tests" / name).is_dir() else shutil.copy2
        (TREE / "tests").mkdir(exist_ok=True)
        copy(ROOT / "tests" / name, TREE / "tests" / name)
    # To the tests, `mutants` is the checkout.
    for path in ROOT.iterdir():
        if path.name not in ("plugins", "tests", ".venv", "pyproject.toml"):
            (mutated / path.name).symlink_to(path)
    (mutated / "plugins").symlink_to(mutated / INSIDE / "plugins")
    (mutated / ".venv" / "collections").symlink_to(mutated)
    quoted = {
        "files": [str(INSIDE / path) for path in paths],
        "tests": tests_beside(paths),
    }
    lists = {key: ", ".join('"%s"' % value for value in values) for key, values in quoted.items()}
    (TREE / "pyproject.toml").write_text(SETTINGS.format(inside=INSIDE, **lists))


@contextlib.contextmanager
def log() -> Iterator[None]:
    """mutmut draws its progress many times a second: into a file, whose end is shown when it gives up."""
    path = TREE / "mutmut.log"
    terminal = os.dup(1)
    with path.open("wb") as file:
        sys.stdout.flush()
        os.dup2(file.fileno(), 1)
    try:
        yield
    except SystemExit:
        sys.stderr.write(path.read_text(errors="replace").replace("\r", "\n")[-5000:] + "\n")
        raise
    finally:
        sys.stdout.flush()
        os.dup2(terminal, 1)
        os.close(terminal)


def mutate(processes: int) -> None:
    """One run of mutmut, which holds what it knows in globals and in the working directory."""
    os.chdir(TREE)
    from mutmut import __main__ as mutmut

    choose_operators()
    quick_tests_first()
    with log():
        mutmut._run((), processes)


def results() -> dict[str, str]:
    """Each mutant, and what became of it; one that was not run is not killed."""
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.stats import status_by_exit_code
    from mutmut.utils.file_utils import walk_mutatable_files

    found = {}
    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        found.update({name: status_by_exit_code[code] for name, code in data.exit_code_by_key.items()})
    return found


def change(mutant: str) -> Change:
    """What a mutant changes, in words that stay the same while other lines of the file change."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.utils.format_utils import orig_function_and_class_names_from_key

    function, class_name = orig_function_and_class_names_from_key(mutant)
    path = path_of(mutant)
    lines = get_diff_for_mutant(mutant, path=INSIDE / path).splitlines()[3:]
    before, after = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return Change(path, "%s.%s" % (class_name, function) if class_name else function, before, after)


def in_turn(paths: Sequence[str], number: int) -> list[str]:
    """One path in `number`. A commit always has the same ones."""
    if number == 1:
        return list(paths)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return list(paths)[int(commit[:8], 16) % number :: number]


# -- The verdict -------------------------------------------------------------------------------------------------------


def explained() -> dict[Change, str]:
    entries = yaml.safe_load(RECORD.read_text()) or []
    return {Change(*(entry[field] for field in Change._fields)): entry["because"] for entry in entries}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", action="append", default=[], metavar="PATH", help="the mutants of these files alone")
    parser.add_argument("--part", type=int, default=1, metavar="N", help="one file in N, others with other commits")
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()

    paths = arguments.file or in_turn(PURE_MIDDLE, arguments.part)
    known = explained()
    make_tree(paths)
    mutate(arguments.processes)
    found = results()
    alive = {change(mutant): status for mutant, status in sorted(found.items()) if status not in KILLED}
    unexplained = {what: status for what, status in alive.items() if what not in known}
    gone = [what for what in known if what.path in paths and what not in alive]
    if unexplained:
        print(
            yaml.safe_dump(
                [dict(what._asdict(), because=status) for what, status in unexplained.items()], sort_keys=False, width=1000
            )
        )
    for what in gone:
        print("%s explains what is killed or is no mutant any more: %s: %s" % (RECORD.name, what.function, what.after))
    counts = (len(found), len(found) - len(alive), len(alive) - len(unexplained), RECORD.relative_to(ROOT), len(unexplained))
    print("%d of %d files, %d mutants: %d killed, %d explained in %s, %d neither" % (len(paths), len(PURE_MIDDLE), *counts))
    return 1 if unexplained or gone else 0


if __name__ == "__main__":
    sys.exit(main())
