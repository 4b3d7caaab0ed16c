"""The order of the rooms: data flows from one to the next, and nobody imports what stands above."""

import ast
from pathlib import Path

import pytest

import hf_attn_model

PACKAGE = Path(hf_attn_model.__file__).parent
ROOMS = [  # from the ground up: each imports only rooms before it
    "_lazy",
    "_version",
    "errors",
    "secrets",
    "cluster",
    "files",
    "languages",
    "model",
    "textbook",
    "text",
    "attention",
    "recipes",
    "checkpoint",
    "translation",
    "engines",
    "export",
    "alignment",
    "study",
    "view",
    "training",
    "hub",
    "app",
    "demo",
    "cli",
]
ABOVE_ALL = {"__init__", "_moved", "_registration"}  # the public face: it knows every room, lazily


def module_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def imports_of(path, for_types=True):
    """The modules of the package that a file imports, at its top or inside functions, for types alone or not."""
    here = module_of(path) if path.name == "__init__.py" else module_of(path)[:-1]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if not for_types:
        tree.body = [node for node in tree.body if not isinstance(node, ast.If)]  # `if TYPE_CHECKING:`
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = here[: len(here) - node.level + 1]
            names = node.module.split(".") if node.module else []
            for alias in node.names:
                yield (*base, *names, alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "hf_attn_model":
            for alias in node.names:
                yield (*node.module.split(".")[1:], alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "hf_attn_model":
                    yield tuple(alias.name.split(".")[1:])


FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.stem not in ABOVE_ALL or path.parent != PACKAGE]


def upward(path):
    room = module_of(path)[0]
    for target in imports_of(path):
        if target and target[0] != room and target[0] not in ROOMS[: ROOMS.index(room)]:
            yield f"{'/'.join(module_of(path))} -> {'.'.join(target)}"


def test_no_arrow_points_up():
    assert [arrow for path in FILES for arrow in upward(path)] == []


def test_every_room_stands_in_the_order():
    assert {module_of(path)[0] for path in FILES} == set(ROOMS)


def test_no_circle_inside_a_room():
    modules = {module_of(path): path for path in FILES}
    inside = {
        module: {
            each
            for target in imports_of(path, for_types=path.name != "__init__.py")  # whose names are lazy
            if (found := target if target in modules else target[:-1]) in modules
            for each in (found, found[:-1])  # a module brings the package around it
            if each in modules and each != module[: len(each)] and len(each) > 1
        }
        for module, path in modules.items()
    }
    open_modules, closed = [], set()

    def visit(module):
        if module in open_modules:
            pytest.fail(" -> ".join(".".join(each) for each in [*open_modules[open_modules.index(module) :], module]))
        if module not in closed:
            open_modules.append(module)
            for target in inside[module]:
                visit(target)
            closed.add(open_modules.pop())

    for module in modules:
        visit(module)


def test_what_travels_with_a_checkpoint_is_flat():
    for path in (PACKAGE / "model").glob("[!_]*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert node.level == 1, f"{path.name} reaches out of its folder"
                assert node.module, f"{path.name}: write `from .module import name`"
                assert "." not in node.module, f"{path.name} reaches into a folder"
