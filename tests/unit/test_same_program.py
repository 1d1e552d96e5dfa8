"""Is it still the same program? A formatter may change how it looks, and nothing else."""

from pathlib import Path

import pytest

from cagents_fs.demo.same_program import main, shape


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = {'a':1}", 'x = {\n    "a": 1,\n}'),
        ("# why\nx = 1", "x = 1  # other"),
        ("f(a,\n  b)", "f(a, b)"),
        ('def f():\n  """One.\n\n  Two.   \n  """\n  x', 'def f():\n    """One.\n\n    Two.\n    """\n    x'),
        ('class A:\n  """  A.  """', 'class A:\n    """A."""'),
        ('async def f():\n  """A.\n  B."""', 'async def f():\n    """A.\n    B.\n    """'),
        ('"""Module.\n"""', '"""Module."""'),
        ("x = 'a' 'b'", 'x = "ab"'),
        ("x = (1)", "x = 1"),
    ],
    ids=["quotes", "comments", "lines", "docstring", "class", "async", "module", "joined", "brackets"],
)
def test_what_a_formatter_does_leaves_the_program_as_it_was(before: str, after: str) -> None:
    assert shape(before.encode()) == shape(after.encode())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1", "x = 2"),
        ("x = 1", "y = 1"),
        ("f(a, b)", "f(b, a)"),
        ("x = 'a '", "x = 'a'"),
        ("f(\n'''a\n  b''')", "f(\n'''a\nb''')"),
        ('def f():\n    """Does a."""', 'def f():\n    """Does b."""'),
        ('def f():\n    """A."""\n    x', "def f():\n    x"),
        ('def f():\n    x\n    """A  """', 'def f():\n    x\n    """A"""'),
        ("def f():\n    b'''A  '''", "def f():\n    b'''A'''"),
        ("if a:\n    b\nc", "if a:\n    b\n    c"),
    ],
    ids=[
        *("a number", "a name", "an order", "a text", "a text over lines", "a docstring", "no docstring"),
        *("a text that is no docstring", "bytes", "an indentation"),
    ],
)
def test_any_other_change_makes_it_another_program(before: str, after: str) -> None:
    assert shape(before.encode()) != shape(after.encode())


def test_what_is_no_program_cannot_be_compared() -> None:
    with pytest.raises(SyntaxError):
        shape(b"def")


def test_pairs_are_compared_and_those_that_differ_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in {"a": "x = 1", "b": "x=1", "c": "x = 2"}.items():
        (tmp_path / name).write_text(text)
    a, same, other = (str(tmp_path / name) for name in "abc")

    assert main([a, same]) == 0
    assert capsys.readouterr().out == ""
    assert main([a, same, a, other]) == 1
    assert capsys.readouterr().out == f"{other} is another program than {a}\n"
