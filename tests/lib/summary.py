"""Adds up the JUnit files of a test run: summary.py BUILD PART..., or prints what failed in one, as pytest wants to be
told: summary.py --failed BUILD PART

Prints what failed by name and, as its last line, "N passed, N failed" (", N skipped" where there were any). An
executable is one test for unit, whatever it has inside. A part that left no file, or ran nothing, is a failure. What
failed and passed when it was tried again alone (PART-again.xml) is named as unsteady and counts as passed."""

import pathlib
import sys
import xml.etree.ElementTree as xml


def executables(root):
    """(name, outcome) of each test program in meson's file."""
    # Where meson can't look inside (plain exit codes), one suite has many cases: each case is one program.
    for suite in root.iter("testsuite"):
        for case in suite.iter("testcase"):
            bad = case.find("failure") is not None or case.find("error") is not None
            skipped = case.find("skipped") is not None
            yield f"{suite.get('name')}: {case.get('name')}", "failed" if bad else "skipped" if skipped else "passed"


def pytests(root):
    """(name, outcome) of each test of pytest; an error while cleaning up fails a test that had passed."""
    outcome = {}
    for case in root.iter("testcase"):
        name = f"{case.get('classname', '').replace('.', '/')}: {case.get('name')}"
        bad = case.find("failure") is not None or case.find("error") is not None
        this = "failed" if bad else "skipped" if case.find("skipped") is not None else "passed"
        if outcome.get(name) != "failed":
            outcome[name] = this
    return outcome.items()


def tried_again(build, part):
    """Names of the tests that passed at the second try."""
    file = pathlib.Path(build) / f"{part}-again.xml"
    if part == "unit" or not file.exists():
        return set()
    return {name for name, outcome in pytests(xml.parse(file).getroot()) if outcome == "passed"}


def main(build, parts):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    print()
    for part in parts:
        try:
            root = xml.parse(pathlib.Path(build) / f"{part}.xml").getroot()
            results = list(executables(root) if part == "unit" else pytests(root))
        except (OSError, xml.ParseError) as error:
            results = [(f"{part}: no results ({error})", "failed")]
        if not results:
            results = [(f"{part}: no test was run", "failed")]
        steady_at_last = tried_again(build, part)
        for name, outcome in results:
            if outcome == "failed" and name in steady_at_last:
                print(f"test: unsteady: {name}: failed, and passed when it was tried again alone")
                outcome = "passed"
            counts[outcome] += 1
            if outcome != "passed":
                print(f"test: {outcome}: {name}")
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"{counts['passed']} passed, {counts['failed']} failed{skipped}")
    return 1 if counts["failed"] else 0


def print_failed(build, part):
    """Arguments for pytest, a line each."""
    for name, outcome in pytests(xml.parse(pathlib.Path(build) / f"{part}.xml").getroot()):
        if outcome == "failed":
            file, test = name.split(": ", 1)
            print(f"tests/{file}.py::{test}")
    return 0


if sys.argv[1] == "--failed":
    sys.exit(print_failed(sys.argv[2], sys.argv[3]))
sys.exit(main(sys.argv[1], sys.argv[2:]))
