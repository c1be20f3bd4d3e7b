"""Debian packages: fetched into a folder, where they are kept, and unpacked. None is installed."""

import os
import subprocess

from .errors import DAMAGED, IO, Failure


def fetch(package: str, folder: str, version: str = "") -> str:
    """The file of a package in a folder, fetched by apt-get where it is not there."""
    start = package + "_" + (version.replace(":", "%3a") + "_" if version else "")

    def kept() -> list[str]:
        return sorted(name for name in os.listdir(folder)
                      if name.startswith(start) and name.endswith(".deb"))

    os.makedirs(folder, exist_ok=True)
    if not kept():
        wanted = f"{package}={version}" if version else package
        done = subprocess.run(["apt-get", "download", "-q", wanted], cwd=folder,
                              capture_output=True, text=True)
        if done.returncode != 0 or not kept():
            raise Failure(IO, f"apt-get download {wanted}: "
                          + " ".join(done.stderr.split()))
    return os.path.join(folder, kept()[-1])


def unpacked(archive: str) -> bytes:
    """The files of a package's file, as a tar file."""
    done = subprocess.run(["dpkg-deb", "--fsys-tarfile", archive], capture_output=True)
    if done.returncode != 0:
        raise Failure(DAMAGED, f"{archive}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
