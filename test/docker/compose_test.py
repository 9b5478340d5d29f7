#!/usr/bin/env python3
"""Brings the cluster of docker/compose.yaml up from a program that is built already, and looks whether it is confined as
docker/README.md says and does what it should. Exit 77, with the reason: it cannot be tried here.

usage: compose_test.py PROGRAM
"""

import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
REPLICAS = [f"replica-{number}" for number in range(4)]
PROJECT = re.compile(r"^tagma-test-(\d+)-\d+$")
HEALTH = "/usr/libexec/tagma/health.sh"


class Failure(Exception):
    """A check that did not hold; the text says which and what was seen."""


def check(holds, what):
    if not holds:
        raise Failure(what)


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def run(*command, expect=0, timeout_s=120, environment=None):
    """Runs a command to its end and returns its standard output. `expect`: its exit status, None for any."""
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                           timeout=timeout_s, env=environment)
    check(expect is None or ended.returncode == expect,
          f"{' '.join(command)}\nended with {ended.returncode}, expected {expect}:\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def succeeds(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120).returncode == 0


def await_that(holds, what, timeout_s=120):
    deadline = time.monotonic() + timeout_s
    while not holds():
        check(time.monotonic() < deadline, f"not within {timeout_s} s: {what}")
        time.sleep(0.2)


def of_project(project, kind):
    """The ids of a project's containers ("container"), networks or volumes."""
    every = ["--all"] if kind == "container" else []
    return run("docker", kind, "ls", "-q", *every, "--filter", f"label=com.docker.compose.project={project}").split()


def remove_project(project):
    """Whatever is left of it."""
    for kind, how in (("container", ["rm", "-f", "-v"]), ("network", ["rm"]), ("volume", ["rm", "-f"])):
        for one in of_project(project, kind):
            subprocess.run(["docker", kind, *how, one], capture_output=True, timeout=120, check=False)


def remove_old_projects():
    """Those of tests that were killed before they could clean up."""
    names = run("docker", "volume", "ls", "--format", '{{.Label "com.docker.compose.project"}}').split()
    for name in set(names):
        made = PROJECT.match(name)
        if made and int(made[1]) < time.time() - 3600:
            remove_project(name)


class Cluster:
    """The Compose cluster under a name and in a network of its own."""

    def __init__(self, compose, image, network):
        self.project = f"tagma-test-{int(time.time())}-{os.getpid()}"
        self._compose = [*compose, "-f", str(TOP / "docker/compose.yaml")]
        self._environment = dict(os.environ, COMPOSE_PROJECT_NAME=self.project, TAGMA_IMAGE=image,
                                 TAGMA_NETWORK=network)

    def compose(self, *words, **options):
        return run(*self._compose, *words, environment=self._environment, **options)

    def client(self, *words, **options):
        return self.compose("run", "--rm", "-T", "client", *words, **options)

    def container(self, replica):
        containers = [one for one in of_project(self.project, "container")
                      if self.inspect(one)["Config"]["Labels"]["com.docker.compose.service"] == replica]
        check(len(containers) == 1, f"{replica} has {len(containers)} containers")
        return containers[0]

    @staticmethod
    def inspect(container):
        return json.loads(run("docker", "inspect", container))[0]

    def health(self, replica):
        return self.inspect(self.container(replica))["State"]["Health"]["Status"]

    def await_healthy(self, *replicas):
        for replica in replicas:
            await_that(lambda one=replica: self.health(one) == "healthy", f"{replica} is healthy")


def network_taken(network):
    """Whether an address of this machine or of a network of the engine begins so."""
    ids = run("docker", "network", "ls", "-q").split()
    # A network of another test may go while it is asked for.
    told = run("docker", "network", "inspect", *ids, expect=None) + (pathlib.Path("/proc/net/fib_trie").read_text())
    return re.search(rf"\b{re.escape(network)}\.", told) is not None


@contextlib.contextmanager
def started(compose, image):
    """A cluster that has been made and started; all of it is removed at the end."""
    remove_old_projects()
    for attempt in range(20):
        network = f"10.214.{(os.getpid() + 37 * attempt) % 256}"
        if network_taken(network):
            continue
        cluster = Cluster(compose, image, network)
        try:
            check_init(cluster)
            try:
                cluster.compose("up", "-d")
            except Failure as failure:
                if "overlaps" not in str(failure):  # somebody was faster
                    raise
                continue
            yield cluster
            return
        finally:
            remove_project(cluster.project)
    raise Failure("no network is free")


def check_init(cluster):
    """Interrupted in the middle (there is no volume for a fifth replica), then whole, then nothing more to do."""
    cluster.compose("run", "--rm", "-T", "-e", "TAGMA_HOSTS=a,b,c,d,e", "init", expect=2)
    check("A new cluster: 4 replicas" in cluster.compose("run", "--rm", "-T", "init"), "init tells what it made")
    check("There is a cluster already" in cluster.compose("run", "--rm", "-T", "init"), "init makes no second one")


def check_confined(cluster, replica):
    container = cluster.container(replica)
    told, number = cluster.inspect(container), replica[-1]
    seen = {(mount["Name"].split("_", 1)[1], mount["Destination"], mount["RW"]) for mount in told["Mounts"]}
    expected = {("cluster", "/etc/tagma", False), (f"secret-{number}", "/run/tagma-secret", False),
                (f"data-{number}", "/var/lib/tagma", True)}
    check(seen == expected, f"{replica} mounts {seen}")
    check(not any((told["NetworkSettings"]["Ports"] or {}).values()), f"{replica} publishes a port")
    for name in told["NetworkSettings"]["Networks"]:
        check(json.loads(run("docker", "network", "inspect", name))[0]["Internal"], f"{name} leads out")

    def inside(command):
        return run("docker", "exec", container, "bash", "-c", command)

    def may_write(folder):
        return succeeds("docker", "exec", container, "touch", f"{folder}/planted")

    status = inside("cat /proc/1/status")
    for line in (r"Uid:\s+10001\s+10001\s+10001\s+10001", r"CapEff:\s+0+", r"CapBnd:\s+0+", r"NoNewPrivs:\s+1"):
        check(re.search(rf"^{line}$", status, re.MULTILINE), f"{replica} has no {line} in\n{status}")
    for folder in ("", "/tmp", "/dev", "/etc/tagma", "/run/tagma-secret"):
        check(not may_write(folder), f"{replica} may write to {folder}/")
    check(may_write("/var/lib/tagma"), f"{replica} may not write to its data")
    inside("rm /var/lib/tagma/planted")
    check(inside("stat -c '%a %u' /run/tagma-secret/identity.key") == "600 10001\n", f"the mode of {replica}'s secret")
    check(inside("find / -xdev -name identity.key; ls /var/lib/tagma | grep genesis || true") == "",
          "a secret is in the image, or the permission to begin was left behind")


def check_health_is_honest(cluster, replica):
    """A process that stands still is not healthy, although the kernel accepts connections for it."""
    container = cluster.container(replica)
    run("docker", "kill", "-s", "STOP", container)
    check(not succeeds("docker", "exec", container, HEALTH), f"{replica} is healthy while it stands still")
    run("docker", "kill", "-s", "CONT", container)
    await_that(lambda: succeeds("docker", "exec", container, HEALTH), f"{replica} is healthy again")
    said = run("docker", "logs", container)
    check("refused" not in said, f"asking for its health fills the log of {replica}:\n{said}")


def test(compose, image):
    user = run("docker", "image", "inspect", "-f", "{{.Config.User}}", image).strip()
    check(user == "tagma", f"the image's user is '{user}'")
    with started(compose, image) as cluster:
        cluster.await_healthy(*REPLICAS)
        check(cluster.client("call", "kv", "put", "city", "Nicaea") == "ok\n", "the first call")
        for replica in REPLICAS:
            check_confined(cluster, replica)
        check_health_is_honest(cluster, "replica-3")
        run("docker", "kill", cluster.container("replica-0"))  # the primary
        check(cluster.client("call", "kv", "get", "city") == "Nicaea\n", "a call without the first primary")
        cluster.compose("up", "-d")
        cluster.await_healthy(*REPLICAS)
        await_that(lambda: "4 of 4 replicas answered" in cluster.client("status", expect=None), "all four answer")
        cluster.compose("--profile", "client", "down", "-v")
        left = {kind: of_project(cluster.project, kind) for kind in ("container", "network", "volume")}
        check(not any(left.values()), f"left behind: {left}")


def compose_command():
    if succeeds("docker", "compose", "version"):
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else skip("there is no Compose here")


def main():
    if not shutil.which("docker") or not succeeds("docker", "version"):
        skip("no docker engine answers")
    compose = compose_command()
    image = "tagma-compose-test:" + hashlib.sha256(str(TOP).encode()).hexdigest()[:8]
    made = subprocess.run([TOP / "docker/quick_image.sh", image, sys.argv[1]], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if made.returncode == 3:
        skip(made.stderr.strip().splitlines()[-1])
    try:
        check(made.returncode == 0, f"no image:\n{made.stderr}")
        test(compose, image)
    except (Failure, subprocess.TimeoutExpired) as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
