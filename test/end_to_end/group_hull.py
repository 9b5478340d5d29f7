#!/usr/bin/env python3
"""Judges what group_rounds.py has played: every value lies within what correct feeders recorded for its round.

usage: group_hull.py FOLDER [--rounds-min N] [--plot NAME]

Reads record-*.tsv (round, value, Unix time in ms; of correct feeders alone) and decided.jsonl. --plot writes NAME.svg and
NAME.png with gnuplot: the hull, the values, and what was done meanwhile. Exit 0: it holds; 1: it does not; 2: usage.
"""

import argparse
import collections
import json
import pathlib
import shutil
import subprocess
import sys

PLOT = """
set terminal {terminal}
set output "{output}"
set title "A group of 5 sensors, of which 2 may lie or be dead, on 4 replicas that are killed"
set xlabel "seconds"
set ylabel "value"
set key bottom left
set grid
set yrange [*<13:27<*]
{marks}
plot "{data}" using 1:2:3 with filledcurves lc rgb "#b9d4ee" title "between the least and the greatest correct vote", \\
     "" using 1:($5 == 1 ? $4 : 1/0) with points pt 7 ps 0.35 lc rgb "#1a4f8b" title "decided, unconditional", \\
     "" using 1:($5 == 0 ? $4 : 1/0) with points pt 7 ps 0.35 lc rgb "#d06a1c" title "decided, timely"
"""


def recorded(folder):
    """By round: what correct feeders voted and had counted."""
    votes = collections.defaultdict(list)
    for path in sorted(folder.glob("record-*.tsv")):
        for line in path.read_text().splitlines():
            number, value, _ = line.split("\t")
            votes[int(number)].append(float(value))
    return votes


def judge(folder):
    votes = recorded(folder)
    rows, faults, grades = [], [], collections.Counter()
    for line in (folder / "decided.jsonl").read_text().splitlines():
        result = json.loads(line)
        grades[result["grade"]] += 1
        if result.get("value") is None:
            continue
        number, value = result["round"], float(result["value"])
        if not votes[number]:
            faults.append(f"round {number} has the value {value}, and no correct feeder voted in it")
            continue
        low, high = min(votes[number]), max(votes[number])
        rows.append((result["known_ms"], low, high, value, 1 if result["grade"] == "unconditional" else 0))
        if not low <= value <= high:
            faults.append(f"round {number}: {value} lies outside of {low} .. {high}")
    return rows, faults, grades


def plot(folder, rows, name):
    if shutil.which("gnuplot") is None:
        sys.exit("group_hull.py: --plot needs gnuplot: apt-get install gnuplot-nox")
    began = rows[0][0]
    data = folder / "plot.tsv"
    data.write_text("".join(f"{(at - began) / 1000}\t{low}\t{high}\t{value}\t{grade}\n"
                            for at, low, high, value, grade in rows))
    marks = []
    for line in (folder / "events.tsv").read_text().splitlines():
        _, at_ms, what = line.split("\t")
        at = (int(at_ms) - began) / 1000
        if "ends" in what or at < 0:
            continue
        colour = "#aa2222" if "killed" in what else "#888888"
        marks.append(f'set arrow from {at}, graph 0 to {at}, graph 1 nohead lc rgb "{colour}" dt 3')
        marks.append(f'set label "{what}" at {at}, graph 0.99 right rotate by 90 font ",7" tc rgb "{colour}"')
    for terminal, ending in (("svg size 1400,600 dynamic", "svg"), ("pngcairo size 1400,600", "png")):
        text = PLOT.format(terminal=terminal, output=f"{name}.{ending}", data=data, marks="\n".join(marks))
        subprocess.run(["gnuplot"], input=text, text=True, check=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--rounds-min", type=int, default=1)
    parser.add_argument("--plot")
    options = parser.parse_args()
    rows, faults, grades = judge(options.folder)
    for fault in faults:
        print(f"FAILED: {fault}")
    print(f"{sum(grades.values())} rounds: {grades['unconditional']} unconditional, {grades['timely']} timely, "
          f"{grades['none']} without a value; {len(rows) - len(faults)} values within what correct feeders recorded, "
          f"{len(faults)} outside")
    if options.plot and rows:
        plot(options.folder, rows, options.plot)
        print(f"{options.plot}.svg, {options.plot}.png")
    if len(rows) < options.rounds_min:
        print(f"FAILED: {len(rows)} values are fewer than {options.rounds_min}")
        return 1
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
