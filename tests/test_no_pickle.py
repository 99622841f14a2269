"""No file that Erato opens can run code: the syntax trees of the package hold nothing that would let it."""

import ast
from pathlib import Path

import pytest

import erato

PICKLING = {"pickle", "cPickle", "_pickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
METHODS = {"torch": {"load", "save"}, "yaml": {"load", "unsafe_load", "full_load", "load_all"}}
SOURCES = sorted(Path(erato.__file__).parent.rglob("*.py"))


def forbidden(tree: ast.AST) -> list[str]:
    """What a module does that could run code from a file, as `line: what`."""
    found = []
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [f"import {alias.name}" for alias in node.names if alias.name.split(".")[0] in PICKLING]
        elif isinstance(node, ast.ImportFrom) and node.module:
            owner = node.module.split(".")[0]
            names = [f"import {node.module}"] if owner in PICKLING else []
            names += [f"{owner}.{alias.name}" for alias in node.names if alias.name in METHODS.get(owner, ())]
        elif isinstance(node, ast.Name) and node.id in BUILTINS:
            names = [node.id]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            names = [f"{node.value.id}.{node.attr}"] if node.attr in METHODS.get(node.value.id, ()) else []
            names += [f"builtins.{node.attr}"] if node.value.id == "builtins" and node.attr in BUILTINS else []
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            allowed = not (isinstance(node.value, ast.Constant) and node.value.value is False)
            names = ["allow_pickle"] if allowed else []
        found += [f"{getattr(node, 'lineno', 0)}: {name}" for name in names]
    return found


def test_no_module_of_the_package_can_run_what_a_file_holds() -> None:
    assert len(SOURCES) > 100
    found = {path.name: said for path in SOURCES if (said := forbidden(ast.parse(path.read_text("utf-8"))))}
    assert not found


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "import os, dill as d",
        "from joblib import load",
        "from torch import load",
        "torch.save(a, b)",
        "yaml.load(x)",
        "np.load(p, allow_pickle=True)",
        "np.load(p, allow_pickle=flag)",
        "eval(x)",
        "run = exec",
        "import builtins; builtins.eval(x)",
    ],
)
def test_what_could_is_found(code: str) -> None:
    assert forbidden(ast.parse(code))


def test_what_could_not_is_left_alone() -> None:
    harmless = "np.load(p, allow_pickle=False); re.compile(x); model.eval(); json.load(f); yaml.safe_load(x)"
    assert not forbidden(ast.parse(harmless))
