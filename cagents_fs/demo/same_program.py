"""Is it still the same program? `python -m cagents_fs.demo.same_program BEFORE AFTER` ends with 0 if it is.

Two files are the same program when their syntax trees are equal. A formatter may re-indent docstrings and strip white
space at the ends of their lines, so these are compared as `inspect.cleandoc` gives them, without trailing white space.
Uses the standard library only, and imports little: it runs a hundred times in the demo.
"""

import ast
import inspect
import sys


def shape(source: bytes) -> str:
    """The syntax tree of a program as text, docstrings cleaned. Raises SyntaxError."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                lines = inspect.cleandoc(first.value.value).splitlines()
                first.value.value = "\n".join(line.rstrip() for line in lines).strip()
    return ast.dump(tree)


def main(arguments: list[str]) -> int:
    """Compare pairs of files: BEFORE AFTER BEFORE AFTER …; says which differ."""
    different = 0
    for before, after in zip(arguments[::2], arguments[1::2], strict=True):
        with open(before, "rb") as old, open(after, "rb") as new:
            if shape(old.read()) != shape(new.read()):
                print(f"{after} is another program than {before}")
                different += 1
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
