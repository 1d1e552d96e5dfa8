"""Trees as the tests from end to end have them."""

from tests.endtoend.conftest import plain, template, tree  # fixtures

__all__ = ["plain", "template", "tree"]
