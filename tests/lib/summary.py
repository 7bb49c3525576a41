"""Adds up the JUnit files of a test run: summary.py BUILD PART...

Prints what failed by name and, as its last line, "N passed, N failed" (", N skipped" where there were any). An
executable is one test for unit, whatever it has inside. A part that left no file, or ran nothing, is a failure."""

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
        for name, outcome in results:
            counts[outcome] += 1
            if outcome != "passed":
                print(f"test: {outcome}: {name}")
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"{counts['passed']} passed, {counts['failed']} failed{skipped}")
    return 1 if counts["failed"] else 0


sys.exit(main(sys.argv[1], sys.argv[2:]))
