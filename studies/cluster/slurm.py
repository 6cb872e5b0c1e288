"""Run a study on the nodes of a Slurm cluster: Slurm starts Dask workers, and soensim gives them the runs.

    pip install 'soensim[cluster]' dask-jobqueue
    python studies/cluster/slurm.py --workers 64 --partition NAME -- study FILE --out DIR

On a login node or in a job of one core. What follows `--` is the command of soensim, without `--scheduler`. Its exit
status is that of this program.
"""

import argparse
import subprocess
import sys

from dask_jobqueue import SLURMCluster


def main() -> int:
    """Start the workers, run the command with them, and let them go."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", type=int, default=16, help="processes, one core each (default: 16)")
    parser.add_argument("--per-job", type=int, default=1, help="workers in a job of Slurm (default: 1)")
    parser.add_argument("--partition", help="of Slurm (default: the cluster's)")
    parser.add_argument("--account", help="of Slurm (default: yours)")
    parser.add_argument("--walltime", default="04:00:00", help="of a job; its run is done again (default: 04:00:00)")
    parser.add_argument("--memory", default="3GB", help="of a worker (default: 3GB)")
    parser.add_argument("--interface", help="network between the nodes, such as ib0 (default: Dask's choice)")
    parser.add_argument("command", nargs="+", help="sweep …, or study …")
    given = parser.parse_args()
    amount, unit = given.memory.rstrip("GMB"), given.memory.lstrip("0123456789.")
    with SLURMCluster(
        queue=given.partition,
        account=given.account,
        walltime=given.walltime,
        interface=given.interface,
        cores=given.per_job,  # as many as processes: a worker has one thread
        processes=given.per_job,
        memory=f"{float(amount) * given.per_job:g}{unit}",
        worker_extra_args=["--no-dashboard"],
        scheduler_options={"dashboard": False},
    ) as cluster:
        cluster.scale(given.workers)
        command = [sys.executable, "-m", f"soensim.{given.command[0]}", *given.command[1:]]
        with subprocess.Popen([*command, "--scheduler", cluster.scheduler_address]) as process:  # noqa: S603
            while True:
                try:
                    return process.wait()
                except KeyboardInterrupt:  # soensim has it too, and ends with a table of what is done
                    continue


if __name__ == "__main__":
    sys.exit(main())
