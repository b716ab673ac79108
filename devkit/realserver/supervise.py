"""Child process that owns one Keycloak: it stops the server when no process holds the lease any more.

The lease is a FIFO. Everyone who wants the server to live keeps it open for writing; the kernel closes it for a process that dies,
even by SIGKILL, and this process then sees the hang-up. Run as `python supervise.py LEASE LOG REMOVE -- COMMAND…`, where REMOVE is
a folder to delete at the end, or empty.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

_POLL_MILLISECONDS = 300
_GRACE_SECONDS = 20.0
_SHOWN_LINES = 40


def main(arguments: list[str]) -> int:
    """Run the command until it ends or the lease is given up; returns its exit code."""
    lease_path, log_path, remove, _, *command = arguments
    lease = os.open(lease_path, os.O_RDONLY | os.O_NONBLOCK)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with Path(log_path).open("ab") as log:
            code, ended_itself = _run_while_leased(lease, command, log.fileno())
        if ended_itself:  # its log is about to be removed
            sys.stderr.write(f"the server ended with {code}; the end of its log:\n{_end_of(Path(log_path))}\n")
        return code
    finally:
        if remove:
            shutil.rmtree(remove, ignore_errors=True)


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-_SHOWN_LINES:])


def _run_while_leased(lease: int, command: list[str], log: int) -> tuple[int, bool]:
    """The exit code, and whether the command ended by itself."""
    poll = select.poll()
    poll.register(lease, select.POLLIN)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True) as server:
        try:
            while server.poll() is None and not any(event & select.POLLHUP for _, event in poll.poll(_POLL_MILLISECONDS)):
                pass
            ended_itself = server.poll() is not None
        finally:
            _stop_group(server)
        return server.returncode, ended_itself


def _stop_group(server: subprocess.Popen[bytes]) -> None:
    """The whole group: kc.sh is a shell around the Java process, and the Java process may outlive it."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        server.wait(_GRACE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
