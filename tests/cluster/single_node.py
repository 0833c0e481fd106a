"""A real Slurm on one machine, for the tests: controller, node and munge, in a folder of their own.

It needs Debian's packages ``slurm-wlm`` and ``munge`` and runs as root, as the daemons want it. All it leaves outside
that folder, while it runs, is a link in /etc/slurm: Snakemake's jobs look there for the configuration. A job that
uses more memory than it asked for is killed, and there is no accounting database, as on the clusters that are
hardest on their users.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol")


def why_not() -> str | None:
    """Say why no Slurm can be started here, None if it can."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=_PATH) is None]
    if missing:
        return f"Slurm is not installed ({missing[0]} is missing): apt-get install slurm-wlm munge"
    if os.geteuid() != 0:
        return "Slurm's daemons want to be started by root"
    return f"this machine has a Slurm of its own ({_LINK})" if _LINK.exists() and not _is_left_over() else None


def _is_left_over() -> bool:
    """Tell whether a test that was killed has left the link: its controller is gone."""
    folder = _LINK.resolve().parent
    pid = folder / "slurmctld.pid"
    is_of_test = _LINK.is_symlink() and folder.parent == Path("/run") and folder.name.startswith("slurm-")
    return is_of_test and not (pid.is_file() and Path("/proc", pid.read_text().strip()).is_dir())


_LINK = Path("/etc/slurm/slurm.conf")
_PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=2,batch_sched_delay=0
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
MinJobAge=300
InactiveLimit=0
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory_mb} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=1-00:00:00 DefMemPerCPU=500 State=UP
"""


class SingleNode:
    """A Slurm that runs until `stop` is called.

    Parameters
    ----------
    folder : Path
        An empty folder for its configuration, state and logs.
    """

    def __init__(self, folder: Path) -> None:
        # munge takes a socket only below folders that nobody else may write to, with a short path
        self.folder = folder
        self.host = socket.gethostname().split(".")[0]
        self.environment = os.environ | {"PATH": _PATH, "SLURM_CONF": str(_LINK)}
        for name in ("state", "spool"):
            (folder / name).mkdir()
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        (folder / "slurm.conf").write_text(
            _CONF.format(
                folder=folder,
                host=self.host,
                controller_port=_free_port(),
                node_port=_free_port(),
                cpus=os.cpu_count(),
                memory_mb=int(0.9 * pages / 2**20),
            )
        )
        _LINK.unlink(missing_ok=True)  # what a killed test left points nowhere
        _LINK.symlink_to(folder / "slurm.conf")
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        files = [f"--{what}={folder}/munge.{end}" for what, end in _MUNGE_FILES.items()]
        try:
            self._start("munged", "--force", *files)
            self._start("slurmctld")
            self._start("slurmd")
            self.wait_for("idle")
        except BaseException:
            self.stop()
            raise

    def _start(self, *command: str) -> None:
        subprocess.run(command, env=self.environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(self, *command: str) -> str:
        """Return what a Slurm command says."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def wait_for(self, state: str, timeout_s: float = 30.0) -> None:
        """Wait until the node has a state."""
        end = time.monotonic() + timeout_s
        while state not in (now := self.ask("sinfo", "--noheader", "--format=%T")):
            if time.monotonic() > end:
                logs = "".join(path.read_text()[-2000:] for path in sorted(self.folder.glob("*.log")))
                raise RuntimeError(f"the node is {now or 'unknown'}, not {state}\n{logs}")
            time.sleep(0.2)

    def drain(self) -> None:
        """Let no further job start."""
        self._start("scontrol", "update", f"nodename={self.host}", "state=drain", "reason=test")

    def resume(self) -> None:
        """Let jobs start again."""
        self._start("scontrol", "update", f"nodename={self.host}", "state=resume")

    def stop(self) -> None:
        """Cancel what runs and end the daemons."""
        self.ask("scancel", "--user=root")
        for name in ("slurmd", "slurmctld", "munge"):
            file = self.folder / f"{name}.pid"
            if file.is_file():
                os.kill(int(file.read_text()), signal.SIGTERM)
        _LINK.unlink(missing_ok=True)


_MUNGE_FILES = {
    "key-file": "key",
    "socket": "socket",
    "pid-file": "pid",
    "log-file": "log",
    "seed-file": "seed",
}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
