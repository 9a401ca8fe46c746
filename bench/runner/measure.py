"""Runs one command and says what it cost; makes the page cache cold before."""
import dataclasses
import os
import subprocess
import time

_DROP_CACHES = "/proc/sys/vm/drop_caches"


@dataclasses.dataclass
class Cost:
    seconds: float
    cpu_seconds: float
    peak_mib: float


class CommandFailed(RuntimeError):
    pass


def run(command, env, log_path, cwd=None, stdout=subprocess.DEVNULL):
    """Times one command. `command` is a list, or a string for bash with pipefail. What it says on stderr goes to the log.

    CPU is that of the command and of all it waited for; the peak is the largest single process of them, and never less than
    the runner's own, which the kernel carries over to its children.
    """
    arguments = ["bash", "-o", "pipefail", "-c", command] if isinstance(command, str) else command
    with open(log_path, "ab") as log:
        log.write(f"$ {command if isinstance(command, str) else ' '.join(command)}\n".encode())
        log.flush()
        start = time.monotonic()
        process = subprocess.Popen(arguments, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=stdout, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise CommandFailed(f"{arguments[0]} ended with {process.returncode}; see {log_path}\n{_tail(log_path)}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def can_be_cold():
    return os.geteuid() == 0 and os.access(_DROP_CACHES, os.W_OK)


def make_cold():
    """Everything written so far reaches the disk; where permitted, nothing stays in the page cache."""
    os.sync()
    if can_be_cold():
        with open(_DROP_CACHES, "w", encoding="ascii") as f:
            f.write("3\n")


def tree_bytes(path):
    """The sum of the sizes of all files below path, or of the one file."""
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.lstat(os.path.join(folder, name)).st_size for folder, _, names in os.walk(path) for name in names)


def _tail(path, size=1500):
    with open(path, "rb") as f:
        f.seek(max(0, os.path.getsize(path) - size))
        return f.read().decode(errors="replace")
