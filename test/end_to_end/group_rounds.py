#!/usr/bin/env python3
"""Plays a group of five sensors, of which up to two lie or are dead, on four replicas that are killed one after the other.

usage: group_rounds.py --tagma PROGRAM [--seconds 600] [--every 30] [--kill-every 120] [--folder FOLDER] [--judge N]

Every --every seconds another member lies, dies or returns; every --kill-every seconds a replica is killed and started
again, the primary as often as not. What correct feeders recorded, and what was decided, is left in the folder for
group_hull.py, which judges it; --judge N runs that too and demands N values. Exit 0: it was played to the end (and holds);
1: it was not (or does not); 2: usage.
"""

import argparse
import json
import math
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time

GROUP = """[[groups]]
name = "heat"
rule = "median"
value = "real"
members = [0, 1, 2, 3, 4]
faulty_max = 2
deadline_ms = 3000
operation = ["kv", "put", "heat", "{value}"]
"""
MEMBERS = 5
REPLICAS = 4
OBSERVER = "6"
RESTART_AFTER_S = 5
# Who does what, one after the other: never more than two are faulty.
EVENTS = [(0, "lies"), (1, "dies"), (0, "returns"), (2, "lies"), (1, "returns"), (3, "dies"), (2, "returns"),
          (4, "lies"), (3, "returns"), (0, "dies"), (4, "returns"), (1, "lies"), (0, "returns"), (2, "dies"),
          (1, "returns"), (3, "lies"), (2, "returns"), (4, "dies"), (3, "returns"), (4, "returns")]


def reading(member):
    """Prints what a sensor sees, for ever: a temperature that goes up and down, with an error of its own."""
    noise = random.Random(member)
    while True:
        now = time.time()
        print(f"{20 + 5 * math.sin(now / 10) + noise.uniform(-0.3, 0.3):.3f}", flush=True)
        time.sleep(0.1)


def lying():
    while True:
        print(random.choice([900, -900, 21]), flush=True)
        time.sleep(0.1)


def free_ports():
    """The first of as many ports in a row as the replicas need."""
    while True:
        base = random.randrange(20000, 30000)
        try:
            for port in range(base, base + 2 * REPLICAS):
                with socket.socket() as taken:
                    taken.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue


class Cluster:
    def __init__(self, tagma, folder):
        self.tagma, self.folder = tagma, folder
        self.directory = str(folder / "cluster")
        (folder / "heat.toml").write_text(GROUP)
        subprocess.run([tagma, "init", "--dir", self.directory, "--groups", str(folder / "heat.toml"),
                        "--clock-window-ms", "250", "--base-port", str(free_ports())], check=True, stdout=subprocess.DEVNULL)
        self.replicas, self.feeders = {}, {}
        self.events = open(folder / "events.tsv", "w")
        self.began = time.monotonic()

    def tell(self, what):
        at = time.monotonic() - self.began
        self.events.write(f"{at:.1f}\t{int(time.time() * 1000)}\t{what}\n")
        self.events.flush()
        print(f"{at:7.1f} s  {what}", flush=True)

    def start_replica(self, number):
        log = open(self.folder / f"replica-{number}.log", "a")
        self.replicas[number] = subprocess.Popen(
            [self.tagma, "replica", "--cluster", self.directory + "/cluster.toml", "--id", str(number),
             "--data", f"{self.folder}/data-{number}"], stdout=log, stderr=log)

    def kill_replica(self, number):
        self.replicas[number].kill()
        self.replicas[number].wait()

    def start_feeder(self, member, lies=False):
        me = os.path.abspath(__file__)
        program = f"exec {sys.executable} {me} " + ("--lying" if lies else f"--reading {member}")
        command = [self.tagma, "sense", "heat", "--dir", self.directory, "--member", str(member), "--command", program,
                   "--json"]
        if not lies:
            command += ["--record", str(self.folder / f"record-{member}.tsv")]
        log = open(self.folder / f"feeder-{member}.log", "a")
        self.feeders[member] = subprocess.Popen(command, stdout=log, stderr=log)

    def stop_feeder(self, member):
        feeder = self.feeders.pop(member, None)
        if feeder is not None:
            feeder.kill()
            feeder.wait()

    def ask(self, *words):
        asked = subprocess.run([self.tagma, *words, "--dir", self.directory, "--client", OBSERVER, "--json"],
                               capture_output=True, text=True, timeout=60)
        return json.loads(asked.stdout) if asked.returncode == 0 and asked.stdout else None

    def primary(self):
        asked = subprocess.run([self.tagma, "status", "--dir", self.directory, "--json"], capture_output=True, text=True,
                               timeout=60)
        shown = json.loads(asked.stdout)["replicas"] if asked.stdout else []
        return next((each["id"] for each in shown if each.get("role") == "primary"), 0)

    def stop(self):
        for member in list(self.feeders):
            self.stop_feeder(member)
        for replica in self.replicas.values():
            replica.terminate()
        for replica in self.replicas.values():
            replica.wait(timeout=30)


def play(cluster, options):
    for number in range(REPLICAS):
        cluster.start_replica(number)
    for member in range(MEMBERS):
        cluster.start_feeder(member)
    decided = open(cluster.folder / "decided.jsonl", "w")
    next_round, next_event, next_kill, restart, kills = 1, options.every, options.kill_every, None, 0
    events = iter(EVENTS * (1 + options.seconds // (options.every * len(EVENTS))))
    while (now := time.monotonic() - cluster.began) < options.seconds:
        if now >= next_event:
            next_event += options.every
            member, what = next(events)
            cluster.stop_feeder(member)
            if what != "dies":
                cluster.start_feeder(member, lies=what == "lies")
            cluster.tell(f"member {member} {what}")
        if now >= next_kill:
            next_kill += options.kill_every
            kills += 1
            primary = cluster.primary()
            restart = (now + RESTART_AFTER_S, primary if kills % 2 else (primary + 1) % REPLICAS)
            cluster.kill_replica(restart[1])
            cluster.tell(f"replica {restart[1]} killed" + (", the primary" if kills % 2 else ""))
        if restart and now >= restart[0]:
            cluster.start_replica(restart[1])
            cluster.tell(f"replica {restart[1]} started")
            restart = None
        result = cluster.ask("group", "result", "heat", str(next_round))
        if result is None:
            time.sleep(0.1)
            continue
        result["known_ms"] = int(time.time() * 1000)
        decided.write(json.dumps(result) + "\n")
        decided.flush()
        next_round += 1
    cluster.tell(f"ends after {next_round - 1} rounds")
    return next_round > 1


def main():
    parser = argparse.ArgumentParser(add_help=True)
    parser.add_argument("--tagma")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--every", type=int, default=30)
    parser.add_argument("--kill-every", type=int, default=120)
    parser.add_argument("--folder")
    parser.add_argument("--judge", type=int)
    parser.add_argument("--reading", type=int)
    parser.add_argument("--lying", action="store_true")
    options = parser.parse_args()
    if options.reading is not None:
        return reading(options.reading)
    if options.lying:
        return lying()
    if not options.tagma:
        parser.error("--tagma: which program?")
    folder = pathlib.Path(options.folder or tempfile.mkdtemp(prefix="tagma-group-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"in {folder}", flush=True)
    cluster = Cluster(os.path.abspath(options.tagma), folder)
    try:
        played = play(cluster, options)
    finally:
        cluster.stop()
    if not played or options.judge is None:
        return 0 if played else 1
    judge = pathlib.Path(__file__).resolve().parent / "group_hull.py"
    status = subprocess.run([sys.executable, judge, folder, "--rounds-min", str(options.judge)]).returncode
    if status == 0 and not options.folder:
        shutil.rmtree(folder)
    return status


if __name__ == "__main__":
    sys.exit(main())
