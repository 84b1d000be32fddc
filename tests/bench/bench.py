"""Measures secretsfs against its targets: bench.py --build DIRECTORY [--write] [--only NAME…].

Everything runs on this machine: the server is tests/fake. What is compared is measured in the same run, by turns,
and told as a ratio, because ratios mean the same on other machines.
"""

import argparse
import os
import platform
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from collections import namedtuple
from pathlib import Path

import rotation
from world import Mount, Server, Tmpfs, wait_until

LATENCY_SECONDS = 0.020
MIB = 1 << 20

Row = namedtuple("Row", "what measured target met")


class Bench:
    def __init__(self, build, folder):
        self.binary, self.warm = build / "cli/secretsfs", build / "tests/bench/warm"
        self.folder = folder
        self.server = Server()
        self.tmpfs = Tmpfs(folder)

    def stop(self):
        self.tmpfs.stop()
        self.server.stop()

    def mount(self, *options):
        return Mount(self.binary, self.folder, self.server, *options)

    def compare(self, action, iterations, ours, theirs):
        """(our nanoseconds, their nanoseconds): medians, measured by turns."""
        command = [self.warm, action, str(iterations), ours, theirs]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return [int(line.split()[1]) for line in output.splitlines()]


def at_most(what, value, limit, form, remark=""):
    return Row(what, form(value) + remark, "≤ " + form(limit), value <= limit)


def ratio_text(value):
    return f"{value:.2f} ×"


def ms_text(seconds):
    return f"{seconds * 1000:.1f} ms"


def mib_text(size):
    return f"{size / MIB:.1f} MiB"


def read_file(path):
    descriptor = os.open(path, os.O_RDONLY)
    while os.read(descriptor, 65536):
        pass
    os.close(descriptor)


def timed(function, *arguments):
    begin = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - begin


def warm_read(bench):
    bench.server.control(put={"name": "prod/db", "value": {"password": "correct-horse-battery-staple"}})
    theirs = bench.tmpfs.write("prod/db/password", b"correct-horse-battery-staple")
    with bench.mount() as mount:
        ours_ns, theirs_ns = bench.compare("read", 5000, mount.path / "prod/db/password", theirs)
    bench.server.control(remove={"name": "prod/db"})
    remark = f" ({ours_ns} ns, tmpfs {theirs_ns} ns)"
    yield at_most("warm read, against tmpfs", ours_ns / theirs_ns, 1.1, ratio_text, remark)


def curl_times(bench, names):
    """Seconds of each request by curl, all over one connection."""
    environment = bench.server.environment
    blocks = []
    for name in names:
        blocks.append("\n".join([
            f'url = "{bench.server.url}/"',
            f'user = "{environment["AWS_ACCESS_KEY_ID"]}:{environment["AWS_SECRET_ACCESS_KEY"]}"',
            f'aws-sigv4 = "aws:amz:{environment["AWS_REGION"]}:secretsmanager"',
            'header = "Content-Type: application/x-amz-json-1.1"',
            'header = "X-Amz-Target: secretsmanager.GetSecretValue"',
            f'data = "{{\\"SecretId\\":\\"{name}\\"}}"',
            'output = "/dev/null"',
            'write-out = "%{http_code} %{num_connects} %{time_total}\\n"',
        ]))
    config = "\nnext\n".join(blocks)
    output = subprocess.run(["curl", "--silent", "--config", "-"], input=config, check=True, capture_output=True,
                            text=True).stdout
    answers = [line.split() for line in output.splitlines()]
    assert all(code == "200" for code, _, _ in answers), answers
    assert sum(int(connects) for _, connects, _ in answers) == 1, "curl has not kept its connection"
    return [float(seconds) for _, _, seconds in answers]


def cold_read(bench):
    names = [f"gen/0000/{index:06d}" for index in range(200)]
    bench.server.control(generate={"count": len(names)})
    bench.server.latency(LATENCY_SECONDS)
    with bench.mount("--secret", "gen/*") as mount:
        theirs = curl_times(bench, names[:100])
        ours = [timed(read_file, mount.path / name / "key") for name in names]
        theirs += curl_times(bench, names[100:])
    ours, theirs = statistics.median(ours), statistics.median(theirs)
    remark = f" ({ms_text(ours)}, curl {ms_text(theirs)})"
    yield at_most("cold read, against curl, server with 20 ms latency", ours / theirs, 1.1, ratio_text, remark)


def ready(bench):
    bench.server.control(fault={"kind": "hang"})
    times = []
    for _ in range(15):
        with bench.mount() as mount:
            times.append(mount.ready_seconds)
    remark = f" (median; worst {ms_text(max(times))})"
    yield at_most("ready after start, server hangs", statistics.median(times), 0.050, ms_text, remark)


def memory(bench):
    bench.server.control(generate={"count": 20})
    with bench.mount() as mount:
        mount.wait_names(30)
        for index in range(20):
            read_file(mount.path / f"gen/0000/{index:06d}/key")
        used, private = mount.memory("VmRSS"), mount.memory("RssAnon")
    remark = f" ({mib_text(private)} of it private, the rest shared libraries)"
    yield at_most("resident memory, 20 secrets", used, 8 * MIB, mib_text, remark)


def read_at_once(paths):
    """Seconds until all paths are read, each by a thread of its own."""
    barrier = threading.Barrier(len(paths) + 1)
    failures = []

    def read_one(path):
        barrier.wait()
        try:
            read_file(path)
        except OSError as error:
            failures.append(error)

    threading.stack_size(256 * 1024)
    threads = [threading.Thread(target=read_one, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    barrier.wait()
    begin = time.perf_counter()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    return time.perf_counter() - begin


def parallel(bench):
    bench.server.control(generate={"count": 1000})
    bench.server.latency(LATENCY_SECONDS)
    with bench.mount("--secret", "gen/*") as mount:
        seconds = read_at_once([mount.path / f"gen/0000/{index:06d}/key" for index in range(1000)])
    yield at_most("1,000 cold secrets in parallel, server with 20 ms latency", seconds, 2.0, ms_text)


def listing(bench):
    count = 10_000
    bench.server.control(generate={"count": count, "per_directory": count})
    theirs = bench.tmpfs.path / "list"
    for index in range(count):
        (theirs / f"{index:06d}").mkdir(parents=True)
    with bench.mount() as mount:
        mount.wait_names(120)
        ours = mount.path / "gen/0000"
        first = timed(os.listdir, ours)
        assert len(os.listdir(ours)) == count
        ours_ns, theirs_ns = bench.compare("list", 5, ours, theirs)
    remark = f" ({ms_text(ours_ns / 1e9)}, tmpfs {ms_text(theirs_ns / 1e9)}; the first time {ms_text(first)})"
    yield at_most("listing a directory of 10,000, against tmpfs", ours_ns / theirs_ns, 2.0, ratio_text, remark)


def names(bench):
    bench.server.control(generate={"count": 500_000})
    with bench.mount() as mount:
        begin = time.perf_counter()
        mount.wait_names(600)
        seconds = time.perf_counter() - begin
        listed = mount.status()["names"]
        assert listed["listed"] == 500_000, listed
        used = mount.memory("VmHWM")
    remark = f" (listed in {seconds:.0f} s)"
    yield at_most("highest resident memory, 500,000 names", used, 100 * MIB, mib_text, remark)


def events(bench):
    times = rotation.by_poll(bench)
    limit = rotation.LATEST_POLL_SECONDS + 0.050
    yield at_most(f"rotation to event, poll {ms_text(rotation.POLL_SECONDS)} ± 10 %", max(times), limit, ms_text,
                  f" (worst of 10; median {ms_text(statistics.median(times))})")
    times = rotation.by_queue(bench)
    yield at_most("message in the queue to event, moto", statistics.median(times), 0.100, ms_text,
                  f" (median of 10; worst {ms_text(max(times))})")


def calls(bench):
    for count in 20, 200:
        ours, theirs = rotation.calls_per_hour(bench, count)
        yield at_most(f"calls per hour, {count} secrets in use", ours, theirs, "{:.0f}".format,
                      f" (with one call per secret and TTL of 300 s: {theirs:.0f})")


def read_when_possible(path):
    """Until it can be read: the mount may be dead, or not be there."""
    while True:
        try:
            return read_file(path)
        except OSError:
            time.sleep(0.001)


def survive(bench):
    bench.server.control(put={"name": "prod/db", "value": {"password": "correct-horse-battery-staple"}})
    times = []
    for _ in range(5):
        with bench.mount("--supervise") as mount:
            read_file(mount.path / "prod/db/password")
            [daemon] = Path(f"/proc/{mount.process.pid}/task/{mount.process.pid}/children").read_text().split()
            os.kill(int(daemon), signal.SIGKILL)
            times.append(timed(read_when_possible, mount.path / "prod/db/password"))
    yield at_most("daemon killed to next read, with --supervise", max(times), 1.0, ms_text,
                  f" (worst of 5; median {ms_text(statistics.median(times))})")
    bench.server.control(fault={"kind": "hang"})
    with bench.mount("--secret", "prod/db") as mount:
        reader = subprocess.Popen(["cat", mount.path / "prod/db/password"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: any(secret["fetching"] for secret in mount.status()["secrets"]))
        begin = time.perf_counter()
        mount.process.terminate()
        mount.process.wait(10)
        seconds = time.perf_counter() - begin
        reader.wait(10)
    bench.server.control(clear={}, remove={"name": "prod/db"})
    yield at_most("SIGTERM to end, a reader waits for a server that hangs", seconds, 2.0, ms_text)


MEASUREMENTS = (warm_read, cold_read, ready, memory, parallel, listing, names, events, calls, survive)


def measure(build, chosen):
    rows = []
    with tempfile.TemporaryDirectory(prefix="secretsfs-bench-") as folder:
        bench = Bench(build, Path(folder))
        try:
            for measurement in MEASUREMENTS:
                if chosen and measurement.__name__ not in chosen:
                    continue
                print(f"measuring {measurement.__name__} …", flush=True)
                bench.server.control(clear={}, generate={"count": 0})
                try:
                    rows += measurement(bench)
                except (AssertionError, OSError, subprocess.SubprocessError) as error:
                    rows.append(Row(measurement.__name__, f"failed: {error}", "", False))
        finally:
            bench.stop()
    return rows


def table(rows):
    yield "| what | measured | target | met |"
    yield "|---|---|---|---|"
    for row in rows:
        yield f"| {row.what} | {row.measured} | {row.target} | {'yes' if row.met else '**no**'} |"


NOTES = """\
**Warm read.** No request reaches the daemon; what is left above tmpfs is what the kernel does for any FUSE file: about
0.3 µs in open and close (it makes a `struct fuse_file`, and flushes on close), and 0.04 µs to look at each component
of the path. A read from an open file costs the same as on tmpfs.

**Resident memory.** Two thirds are pages of shared libraries (libcurl with its own dependencies, OpenSSL), which
other processes share; the private part is what grows with secrets.
"""


def page(rows):
    machine = f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} processors"
    return "\n".join([
        "# Benchmarks",
        "",
        "Written by `./dev bench --write`; do not edit. Release build; the server is `tests/fake` on the same machine.",
        "What is compared is measured in the same run, by turns; ratios are of medians.",
        "",
        f"Machine: {machine}.",
        "",
        *table(rows),
        "",
        NOTES,
    ])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True, help="build directory")
    parser.add_argument("--write", action="store_true", help="put the table into docs/BENCHMARKS.md")
    parser.add_argument("--only", nargs="+", choices=[measurement.__name__ for measurement in MEASUREMENTS])
    arguments = parser.parse_args()
    rows = measure(arguments.build.resolve(), arguments.only)
    print()
    print("\n".join(table(rows)))
    if arguments.write:
        (Path(__file__).resolve().parents[2] / "docs/BENCHMARKS.md").write_text(page(rows))


if __name__ == "__main__":
    main()
