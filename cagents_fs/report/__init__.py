"""VIEWS: pure; index and history in, tables out."""
