"""What GitHub and pre-commit read of this repository: valid, and safe. None of it runs here, so it is linted."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PROGRAMS = Path(sys.executable).parent
GITHUB = ROOT / ".github"
SCHEMAS = {
    "github-workflows": sorted(GITHUB.glob("workflows/*.yml")),
    "github-issue-forms": [GITHUB / "ISSUE_TEMPLATE/bug.yml", GITHUB / "ISSUE_TEMPLATE/feature.yml"],
    "github-issue-config": [GITHUB / "ISSUE_TEMPLATE/config.yml"],
    "dependabot": [GITHUB / "dependabot.yml"],
    "citation-file-format": [ROOT / "CITATION.cff"],
}


def run(program, *arguments):
    """Run a program of this environment, without network; returns its status and what it said."""
    command = [str(PROGRAMS / program), *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def check_schema(schema, *files):
    return run("check-jsonschema", "--default-filetype", "yaml", "--builtin-schema", f"vendor.{schema}", *files)


def zizmor(*files):
    return run("zizmor", "--offline", "--no-progress", "--strict-collection", "--collect=all", *files)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_follow_their_schema(schema):
    status, said = check_schema(schema, *SCHEMAS[schema])
    assert status == 0, said


def test_every_file_for_github_is_checked():
    checked = {path for files in SCHEMAS.values() for path in files}
    assert checked >= {path for path in GITHUB.rglob("*.yml")}


def test_a_file_that_github_would_refuse_is_found(tmp_path):
    path = tmp_path / "test.yml"
    text = (GITHUB / "workflows/test.yml").read_text("utf-8")
    path.write_text(text.replace("runs-on:", "runs_on:"), "utf-8")
    status, said = check_schema("github-workflows", path)
    assert status == 1
    assert "runs_on" in said


def test_workflows_are_safe():
    status, said = zizmor(ROOT)
    assert status == 0, said
    for path in SCHEMAS["github-workflows"]:
        assert f"completed {path}" in said or f"completed ./{path.relative_to(ROOT)}" in said


@pytest.mark.parametrize(
    ("safe", "unsafe", "finding"),
    [
        ("permissions:\n      contents: read\n", "permissions: write-all\n", "excessive-permissions"),
        ("@3d3c42e5aac5ba805825da76410c181273ba90b1", "@v7", "unpinned-uses"),
        ("make test\n", "echo ${{ github.head_ref }}\n", "template-injection"),
    ],
)
def test_an_unsafe_workflow_is_found(safe, unsafe, finding, tmp_path):
    path = tmp_path / ".github" / "workflows" / "test.yml"
    path.parent.mkdir(parents=True)
    text = (GITHUB / "workflows/test.yml").read_text("utf-8")
    assert safe in text
    path.write_text(text.replace(safe, unsafe), "utf-8")
    status, said = zizmor(path)
    assert status != 0
    assert finding in said


def test_only_the_jobs_that_publish_may_write():
    """And what they may is to prove who they are, and to put a page online."""
    may = {}
    for path in SCHEMAS["github-workflows"]:
        workflow = yaml.safe_load(path.read_text("utf-8"))
        assert workflow["permissions"] == {}, path
        for name, job in workflow["jobs"].items():
            may[path.stem, name] = {scope for scope, level in job["permissions"].items() if level == "write"}
    assert {job: scopes for job, scopes in may.items() if scopes} == {
        ("docs", "publish"): {"pages", "id-token"},
        ("release", "publish"): {"id-token"},
    }


def test_hooks_run_what_the_environment_has():
    status, said = run("pre-commit", "validate-config", ".pre-commit-config.yaml")
    assert status == 0, said
    for repo in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]:
        assert repo["repo"] == "local"
        for hook in repo["hooks"]:
            folder, program = hook["entry"].split()[0].rsplit("/", 1)
            assert folder == ".venv/bin"
            assert (PROGRAMS / program).is_file(), f"{hook['id']}: the test extra does not install {program}"
