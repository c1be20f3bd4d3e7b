"""Job arrays: one function that writes a script for the scheduler and submits it.

The scheduler is Slurm. Another one needs another template and another command here, nowhere else.
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import IO, Failure
from .files import write_whole

SCRIPT = """#!/usr/bin/env bash
# A task for each piece of work that was not done. One that is stopped before its end writes a
# checkpoint, and the next goes on with it.
#SBATCH --job-name={name}
#SBATCH --array={tasks}
#SBATCH --cpus-per-task={cpus}
#SBATCH --time={hours}:00:00
#SBATCH --signal=B:INT@120
#SBATCH --requeue
#SBATCH --output={log}
set -eu
exec {command} --task "${{SLURM_ARRAY_TASK_ID:-$1}}"
"""


@dataclass(frozen=True)
class JobArray:
    """Tasks of one command, which takes the number of its task as --task N."""

    name: str
    command: Sequence[str]
    tasks: Sequence[int]
    cpus: int   # of a task
    hours: int  # a task's limit
    folder: str  # of the script and the logs


def submit(array: JobArray, arguments: str = "") -> str:
    """Writes FOLDER/slurm.sh, and submits it with `arguments` where sbatch is found.

    Returns a line for the user: the scheduler's answer, or how to run the tasks by hand.
    """
    tasks = list(map(str, array.tasks))
    log = os.path.join(os.path.abspath(array.folder), "slurm-%A-%a.log")
    path = write_whole(os.path.join(array.folder, "slurm.sh"), SCRIPT.format(
        name=array.name, tasks=",".join(tasks), cpus=array.cpus, hours=array.hours, log=log,
        command=shlex.join(array.command)))
    os.chmod(path, 0o755)
    if shutil.which("sbatch") is None:
        return (f"{path}: no sbatch here; each task by hand: "
                f"for n in {' '.join(tasks)}; do {path} $n; done")
    done = subprocess.run(["sbatch", *shlex.split(arguments), path], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(IO, f"sbatch {path}: {done.stderr.strip()}")
    return done.stdout.strip()
