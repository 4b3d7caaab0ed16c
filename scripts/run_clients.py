"""Run tests/clients, each file in an environment of its own that has its tool: `make test-clients`.

An environment lies in build/clients and holds a tool with what it alone needs. All else it borrows from the environment
that runs this script, torch and transformers first: pip sees both there, and is held to their versions. A tool that
cannot be installed beside them is skipped, with what pip said; the exit status is 1 if a test failed.

    .venv/bin/python scripts/run_clients.py [NAME ...]
"""

import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTS = ROOT / "tests" / "clients"
ENVIRONMENTS = ROOT / "build" / "clients"
HELD = ("torch==", "transformers==")


def read_clients() -> dict[str, str]:
    """Read the tools and their requirements, by name; what a test alone needs stands behind its tool."""
    lines = (TESTS / "clients.txt").read_text(encoding="utf-8").splitlines()
    return {line.partition("==")[0]: line for line in lines if line and not line.startswith("#")}


def make_environment(name: str, requirement: str) -> tuple[Path, str | None]:
    """Make the environment of a tool, or keep the one there is; returns its Python, and why there is none."""
    folder, pins = ENVIRONMENTS / name, ENVIRONMENTS / "constraints.txt"
    python, done = folder / "bin" / "python", folder / "installed.txt"
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    held = "".join(line for line in constraints if line.startswith(HELD))
    wanted = f"{requirement}\n{held}"
    if done.exists() and done.read_text(encoding="utf-8") == wanted:
        return python, None
    venv.EnvBuilder(clear=True, symlinks=True).create(folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    borrowed = sysconfig.get_path("purelib")
    (packages / "borrowed.pth").write_text(f"import site; site.addsitedir({borrowed!r})\n", encoding="utf-8")
    pins.write_text(held, encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-cache-dir"]
    installing = subprocess.run([*pip, "--constraint", str(pins), *requirement.split()], capture_output=True, text=True)
    if installing.returncode:
        errors = [line for line in installing.stderr.splitlines() if line.startswith("ERROR: ")]
        return python, " ".join(errors) or installing.stderr.strip()
    done.write_text(wanted, encoding="utf-8")
    return python, None


def run_client(name: str, requirement: str) -> str:
    """Make the environment of a tool, run its tests there, and tell what came of it."""
    python, why_not = make_environment(name, requirement)
    if why_not:
        print(why_not, flush=True)
        return "skipped"
    test = TESTS / f"test_{name.replace('-', '_')}.py"
    done = subprocess.run([python, "-m", "pytest", "-m", "clients", test], cwd=ROOT)
    return "failed" if done.returncode else "passed"


def main(names: list[str]) -> int:
    """Run the tools of these names, or all of them."""
    clients = read_clients()
    if unknown := sorted(set(names) - clients.keys()):
        print(f"no tool is called {unknown[0]}; there are {', '.join(clients)}", file=sys.stderr)
        return 2
    lines, outcomes = [], []
    for name in names or clients:
        tool = clients[name].split()[0]
        print(f"== {tool}", flush=True)
        start = time.monotonic()
        outcomes.append(run_client(name, clients[name]))
        lines.append(f"{tool:26}{outcomes[-1]:10}{time.monotonic() - start:5.0f} s")
    print("", *lines, sep="\n")
    print(", ".join(f"{outcomes.count(outcome)} {outcome}" for outcome in ("passed", "failed", "skipped")))
    return 1 if "failed" in outcomes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
