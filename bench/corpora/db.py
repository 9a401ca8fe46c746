"""db: the data folder of a PostgreSQL cluster filled by pgbench. Version 2: the same after 2,000 pgbench transactions.

The rows and the transactions are seeded; the cluster's identifier, the times in pg_control and the history rows are
PostgreSQL's own, so two machines agree in structure and size and not in every byte.
"""
import glob
import os
import pwd
import shutil
import stat
import subprocess
import tempfile

from . import tree
from .delta import DeltaPair

_PGBENCH_SCALE = 100
_TRANSACTIONS = 2_000
_SETTINGS = {
    "listen_addresses": "", "fsync": "off", "autovacuum": "off", "checkpoint_timeout": "1d", "bgwriter_lru_maxpages": "0",
    "shared_buffers": "256MB", "max_wal_size": "128MB", "min_wal_size": "128MB", "maintenance_work_mem": "256MB",
}


def build(corpus, scale):
    scratch = os.path.join(corpus.dir, "scratch")
    with _Cluster(scratch) as cluster:
        cluster.create()
        cluster.session(["-i", "-q", "-s", str(max(1, round(_PGBENCH_SCALE * scale)))])
        subprocess.run(["cp", "-a", "--reflink=auto", cluster.data, corpus.tree], check=True)
        tree.stamp(corpus.tree)
        cluster.session(["-n", "-c", "1", "-t", str(max(20, round(_TRANSACTIONS * scale))), "--random-seed=7"])
        with DeltaPair(corpus.delta_dir(1), corpus.delta_dir(2)) as pair:
            _compare(pair, corpus.tree, cluster.data)
            summary = pair.summary()
    shutil.rmtree(scratch)
    return summary


class _Cluster:
    """A cluster on a private socket, run by a user that is not root, as PostgreSQL insists."""

    def __init__(self, scratch):
        self.data = os.path.join(scratch, "data")
        os.makedirs(scratch)
        self._sockets = tempfile.mkdtemp(prefix="signet-bench-")
        self._user = None
        if os.geteuid() == 0:
            self._user = pwd.getpwnam(_service_user())
            for folder in (scratch, self._sockets):
                os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        self._programs = _program_folder()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if os.path.exists(os.path.join(self.data, "postmaster.pid")):
            self._pg_ctl("stop", "-m", "immediate")
        shutil.rmtree(self._sockets, ignore_errors=True)

    def create(self):
        self._run("initdb", "-D", self.data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
                  "--no-instructions")

    def session(self, pgbench_arguments):
        """Starts the server, runs pgbench once, and stops cleanly."""
        settings = {**_SETTINGS, "unix_socket_directories": self._sockets}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        self._pg_ctl("start", "-l", os.path.join(os.path.dirname(self.data), "log"), "-o", options)
        self._run("pgbench", "-h", self._sockets, "-U", "bench", *pgbench_arguments, "postgres")
        self._pg_ctl("stop", "-m", "fast")

    def _pg_ctl(self, verb, *arguments):
        self._run("pg_ctl", verb, "-D", self.data, "-w", "-t", "600", *arguments)

    def _run(self, program, *arguments):
        command = [os.path.join(self._programs, program), *arguments]
        as_user = {}
        if self._user:
            as_user = {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        with tempfile.TemporaryFile() as output:
            result = subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False,
                                    env={**os.environ, "LC_ALL": "C", "PGTZ": "UTC"}, **as_user)
            if result.returncode:
                output.seek(0)
                raise RuntimeError(f"{program} failed:\n{output.read().decode(errors='replace')[-2000:]}")


def _service_user():
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL does not run as root, and there is no user postgres or nobody")


def _program_folder():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda p: int(p.split("/")[4]))
    if found:
        return os.path.dirname(found[-1])
    initdb = shutil.which("initdb")
    if initdb:
        return os.path.dirname(os.path.realpath(initdb))
    raise FileNotFoundError("PostgreSQL is missing: apt-get install postgresql-15")


def _compare(pair, before, after):
    old, new = dict(tree.walk(before)), dict(tree.walk(after))
    folders = set()
    for path in sorted(old.keys() | new.keys()):
        a, b = old.get(path), new.get(path)
        if any(st and stat.S_ISDIR(st.st_mode) for st in (a, b)):
            if not (a and b):
                raise RuntimeError(f"the folder {path} came or went between the versions")
        elif a and b:
            with open(os.path.join(before, path), "rb") as f, open(os.path.join(after, path), "rb") as g:
                pair.compare(path, a, f, b, g)
        else:
            version, root, st = (1, before, a) if a else (2, after, b)
            with open(os.path.join(root, path), "rb") as f:
                pair.only_in(version, path, st, f, a.st_mtime_ns if a else tree.CHANGED_TIME_NS)
            folders.add(os.path.dirname(path))
    for folder in sorted(folders):
        pair.folder_time(folder, tree.fixed_time_ns(folder), tree.CHANGED_TIME_NS)
