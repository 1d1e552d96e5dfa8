"""Coordination for fleets of AI coding agents through nothing but files."""

__version__ = "0.1.0"
