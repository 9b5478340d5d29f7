#!/usr/bin/env python3
"""Proof that group_hull.py can say no."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

HULL = pathlib.Path(__file__).resolve().parent / "group_hull.py"


def judged(results, records):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for member, lines in enumerate(records):
            (folder / f"record-{member}.tsv").write_text("".join(f"{number}\t{value}\t0\n" for number, value in lines))
        lines = [{"round": number, "value": value, "grade": "timely", "known_ms": 0} for number, value in results]
        (folder / "decided.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        made = subprocess.run([sys.executable, HULL, folder], capture_output=True, text=True)
        return made.returncode, made.stdout


class GroupHull(unittest.TestCase):
    def test_what_lies_within_holds(self):
        status, text = judged([(1, "2"), (2, "5")], [[(1, "1"), (2, "5")], [(1, "3")]])
        self.assertEqual(status, 0, text)

    def test_what_lies_outside_fails(self):
        status, text = judged([(1, "4")], [[(1, "1")], [(1, "3")]])
        self.assertEqual(status, 1)
        self.assertIn("round 1: 4.0 lies outside of 1.0 .. 3.0", text)

    def test_a_value_that_no_correct_feeder_stands_for_fails(self):
        self.assertEqual(judged([(2, "4")], [[(1, "4")]])[0], 1)

    def test_nothing_decided_fails(self):
        self.assertEqual(judged([(1, None)], [[(1, "4")]])[0], 1)


if __name__ == "__main__":
    unittest.main()
