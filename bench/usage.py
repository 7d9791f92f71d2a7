"""What processes have used: processor time, and the most memory that one of them has had. Knows no Aid Station."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Usage:
    """Processor seconds of a process and all that come from it, and the largest memory of one of them in MB."""

    cpu: float
    peak_rss_mb: float

    def __sub__(self, before: "Usage") -> "Usage":
        return Usage(self.cpu - before.cpu, self.peak_rss_mb)

    def until(self, later: "Usage") -> "Usage":
        """Both looks at the same process in one: a process that has just ended has no memory any more."""
        return Usage(max(self.cpu, later.cpu), max(self.peak_rss_mb, later.peak_rss_mb))


def of(pid: int) -> Usage:
    """Of this process with its children, those that have ended included."""
    root = psutil.Process(pid)
    ended = root.cpu_times()
    cpu, peak = ended.children_user + ended.children_system, 0.0
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            cpu += times.user + times.system
            peak = max(peak, _peak(process))
    return Usage(cpu, peak)


def _peak(process: psutil.Process) -> float:
    """VmHWM, the most it has ever had; where the system does not tell, what it has now."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return float(process.memory_info().rss) / 1e6
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0
