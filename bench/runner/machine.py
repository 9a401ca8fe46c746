"""What the figures were measured on."""
import datetime
import os
import platform


def describe():
    return {
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "cpu": _field("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mib": int(_field("/proc/meminfo", "MemTotal").split()[0]) // 1024,
        "kernel": platform.release(),
        "system": _field("/etc/os-release", "PRETTY_NAME", "="),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _field(path, name, separator=":"):
    try:
        with open(path, encoding="utf-8") as f:
            for line in f:
                key, _, value = line.partition(separator)
                if key.strip() == name:
                    return value.strip().strip('"')
    except OSError:
        pass
    return "0"
