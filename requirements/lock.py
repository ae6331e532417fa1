"""Write requirements/*.lock anew: exact versions with hashes, no address of any index.

`./qd lock` calls it; arguments go to uv, such as `--upgrade` or `--upgrade-package NAME`.
One universal file serves every supported Python and system.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
OLDEST_PYTHON = "3.11"
# In this order: each lock is held to the versions of the one that it names by -c.
LOCKS = {
    "core.lock": ["../pyproject.toml"],
    "tools.lock": ["tools.in", "-c", "core.lock"],
    "test.lock": [
        *("../pyproject.toml", "--extra", "torch", "--extra", "test"),
        *("torch-needs.in", "-c", "core.lock", "-c", "tools.lock"),
    ],
    "model.lock": ["model.in", "-c", "test.lock"],
    "build.lock": ["build.in", "-c", "test.lock"],
}


def main(arguments: list[str]) -> int:
    """Compile every lock; return the first exit status that is not 0."""
    uv = Path(sys.executable).with_name("uv.exe" if os.name == "nt" else "uv")
    # A lock must not know the folders of the machine that wrote it.
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_FIND_LINKS")}
    how = ["--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes"]
    how += ["--no-header", "--no-annotate", "--excludes", "excluded.txt"]
    for target, sources in LOCKS.items():
        print(f"requirements/{target}", file=sys.stderr)  # noqa: T201  a program for people
        command = [str(uv), "pip", "compile", *how, *arguments, *sources, "-o", target]
        status = subprocess.run(  # noqa: S603  our own command
            command, cwd=HERE, env=environment, stdout=subprocess.DEVNULL, check=False
        ).returncode
        if status != 0:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
