"""NOUNS: one definition per kind of file, the table of legal moves, the grammar of names and paths, the actions.

Nothing in this room touches a file, a clock or chance.
"""
