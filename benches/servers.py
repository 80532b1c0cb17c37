#!/usr/bin/env python3
"""What servers cost beside one another: start-up, memory, and workflows with the same Go worker.

    servers.py [--rounds N] [--workflows N] NAME=COMMAND...

COMMAND starts a server; {port} in it is the port. For example:

    servers.py 'temporal-sim=target/release/temporal-sim server start-dev --port {port}' \\
               'test server=target/release/temporal-sim {port} --enable-time-skipping' \\
               'Temporal CLI=temporal server start-dev --headless --port {port}' \\
               'Java test server=java -cp "lib/*" io.temporal.testserver.TestServer {port} --enable-time-skipping'

The servers take turns, round by round, so that whatever else the machine does hits all of them; the medians are printed
as rows for book/src/performance.md. The first answer counts from exec. The processor time of the server and of the Go program
for each workflow hardly depends on what else the machine does: where theirs is more than the server's, the SDK is what limits
how many there are per second. Needs Go and Linux.
"""

import argparse
import os
import pathlib
import resource
import shlex
import socket
import statistics
import subprocess
import tempfile
import time

GO = pathlib.Path(__file__).resolve().parent.parent / "cli/tests/interop/go"


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


# GetSystemInfo in HTTP/2, by hand: to start a client would take longer than to start the server.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(name, value):
    return b"\x00" + bytes([len(name)]) + name + (
        bytes([len(value)]) if len(value) < 127 else bytes([127, len(value) - 127])
    ) + value


def first_answer(port):
    """Whether the server answers a call."""
    headers = b"".join(literal(*it) for it in [
        (b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"localhost"),
        (b":path", b"/temporal.api.workflowservice.v1.WorkflowService/GetSystemInfo"),
        (b"content-type", b"application/grpc"), (b"te", b"trailers"),
    ])
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as it:
            it.sendall(PREFACE + frame(4, 0, 0, b"") + frame(1, 4, 1, headers) + frame(0, 1, 1, bytes(5)))
            while True:
                head = it.recv(9, socket.MSG_WAITALL)
                if len(head) < 9:
                    return False
                length, kind, stream = int.from_bytes(head[:3], "big"), head[3], int.from_bytes(head[5:], "big")
                it.recv(length, socket.MSG_WAITALL) if length else None
                if kind == 0 and stream == 1:
                    return True
                if kind in (3, 7):
                    return False
    except OSError:
        return False


def memory(process):
    """Resident memory in MiB."""
    for line in open(f"/proc/{process}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def processor_time(process):
    """What a process has used so far, in milliseconds."""
    fields = open(f"/proc/{process}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def measure(command, load, workflows):
    port = free_port()
    begin = time.perf_counter()
    server = subprocess.Popen(
        shlex.split(command.format(port=port)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not first_answer(port):
            if server.poll() is not None:
                raise SystemExit(f"{command}: it has ended")
            time.sleep(0.002)
        started = time.perf_counter() - begin
        time.sleep(0.5)
        idle = memory(server.pid)
        used, children = processor_time(server.pid), resource.getrusage(resource.RUSAGE_CHILDREN)
        rate = float(subprocess.run(
            [load, "-address", f"127.0.0.1:{port}", "-workflows", str(workflows)],
            check=True, capture_output=True, text=True, timeout=600,
        ).stdout)
        used = processor_time(server.pid) - used
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        client = (now.ru_utime + now.ru_stime - children.ru_utime - children.ru_stime) * 1000
        # A tenth of them go before the others, to warm up.
        each = workflows + workflows // 10
        return started * 1000, idle, memory(server.pid), rate, used / each, client / each
    finally:
        server.kill()
        server.wait()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--workflows", type=int, default=2000)
    arguments.add_argument("servers", nargs="+", metavar="NAME=COMMAND")
    arguments = arguments.parse_args()
    servers = [it.split("=", 1) for it in arguments.servers]
    with tempfile.TemporaryDirectory() as folder:
        load = f"{folder}/load"
        subprocess.run(["go", "build", "-o", load, "./cmd/load"], cwd=GO, check=True)
        measured = {name: [] for name, _ in servers}
        for _ in range(arguments.rounds):
            for name, command in servers:
                measured[name].append(measure(command, load, arguments.workflows))
    print("| | first answer | memory, idle | memory, after the workflows | workflows per second "
          "| for each: the server's processor | the Go program's |")
    print("|---|---|---|---|---|---|---|")
    for name, rounds in measured.items():
        started, idle, after, rate, used, client = (statistics.median(column) for column in zip(*rounds))
        print(f"| {name} | {started:.0f} ms | {idle:.1f} MiB | {after:.0f} MiB | {rate:.0f} "
              f"| {used:.2f} ms | {client:.2f} ms |")


if __name__ == "__main__":
    main()
