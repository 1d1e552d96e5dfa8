"""What a manifest says of bytes: C88 and C89 of the fault catalogue."""

import hashlib

from tests.hostile.case import (
    MANIFEST,
    MET,
    SUM,
    taken,
    wrong,
)
from tests.hostile.world import RESULT

GOOD = hashlib.sha256(RESULT).hexdigest()

OTHER = hashlib.sha256(b"something else").hexdigest()


def result(checksum: str, size: object = len(RESULT), path: str = "result.txt") -> str:
    """The line of a manifest that hands in one file."""
    return MANIFEST + f"artifacts: [{{path: {path}, size_bytes: {size}, checksum: {checksum}}}]\n" + MET


# --- C88, C89: what is said of the bytes
CASES = [
    taken("manifest", "a true checksum", result(f'"sha256:{GOOD}"')),
    taken("manifest", "a true checksum without its algorithm", result(GOOD)),
    taken("manifest", "a true checksum in capitals", result(f"sha256:{GOOD.upper()}")),
    wrong(
        "manifest",
        "a checksum of other bytes",
        result(f"sha256:{OTHER}"),
        ("checksum_mismatch artifact 'result.txt' has sha256:d117fa006ba9208500b2930ce69cbde436c647afa917cb739…"),
    ),
    wrong(
        "manifest",
        "a checksum of nothing",
        result(f"sha256:{hashlib.sha256(b'').hexdigest()}"),
        ("checksum_mismatch artifact 'result.txt' has sha256:d117fa006ba9208500b2930ce69cbde436c647afa917cb739…"),
    ),
    wrong(
        "manifest",
        "no checksum",
        MANIFEST + "artifacts: [{path: result.txt, size_bytes: 5}]\n" + MET,
        "schema 4:13 artifacts.0.checksum: missing; add it",
    ),
    wrong(
        "manifest",
        "a checksum that is null",
        result(""),
        "schema 4:57 artifacts.0.checksum: expected a checksum, found nothing" + SUM,
    ),
    wrong(
        "manifest",
        "an empty checksum",
        result("''"),
        "schema 4:57 artifacts.0.checksum: expected a checksum, found an empty one" + SUM,
    ),
    wrong(
        "manifest",
        "an algorithm and no digits",
        result("'sha256:'"),
        "schema 4:57 artifacts.0.checksum: expected a checksum, found an empty one" + SUM,
    ),
    wrong(
        "manifest",
        "another algorithm",
        result(f"md5:{GOOD[:32]}"),
        "schema 4:57 artifacts.0.checksum: expected a SHA-256, found 'md5'" + SUM,
    ),
    wrong(
        "manifest",
        "SHA-512",
        result(f"sha512:{GOOD * 2}"),
        "schema 4:57 artifacts.0.checksum: expected a SHA-256, found 'sha512'" + SUM,
    ),
    wrong(
        "manifest",
        "the algorithm in capitals",
        result(f"SHA256:{GOOD}"),
        "schema 4:57 artifacts.0.checksum: expected a SHA-256, found 'SHA256'" + SUM,
    ),
    wrong(
        "manifest",
        "63 digits",
        result(f"sha256:{GOOD[:63]}"),
        "schema 4:57 artifacts.0.checksum: expected 64 hexadecimal digits, found 63" + SUM,
    ),
    wrong(
        "manifest",
        "65 digits",
        result(f"sha256:{GOOD}0"),
        "schema 4:57 artifacts.0.checksum: expected 64 hexadecimal digits, found 65" + SUM,
    ),
    wrong(
        "manifest",
        "a digit that is none",
        result(f"sha256:{GOOD[:63]}g"),
        "schema 4:57 artifacts.0.checksum: 'g' is no hexadecimal digit" + SUM,
    ),
    wrong(
        "manifest",
        "a space between",
        result(f'"sha256: {GOOD}"'),
        "schema 4:57 artifacts.0.checksum: ' ' is no hexadecimal digit" + SUM,
    ),
    wrong(
        "manifest",
        "a space instead of the colon",
        result(f"sha256 {GOOD}"),
        "schema 4:57 artifacts.0.checksum: 's' is no hexadecimal digit" + SUM,
    ),
    wrong(
        "manifest",
        "the output of sha256sum",
        result(f"{GOOD}  result.txt"),
        "schema 4:57 artifacts.0.checksum: ' ' is no hexadecimal digit" + SUM,
    ),
    wrong(
        "manifest",
        "base64",
        result('"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="'),
        "schema 4:57 artifacts.0.checksum: 's' is no hexadecimal digit" + SUM,
    ),
    wrong(
        "manifest",
        "three dots",
        result("'sha256:...'"),
        "schema 4:57 artifacts.0.checksum: '.' is no hexadecimal digit" + SUM,
    ),
    wrong(
        "manifest",
        "a checksum that is a list",
        result(f"[{GOOD}]"),
        "schema 4:57 artifacts.0.checksum: expected a checksum, found a list" + SUM,
    ),
    wrong(
        "manifest",
        "a checksum of digits only, another number",
        result("1" * 64),
        ("checksum_mismatch artifact 'result.txt' has sha256:d117fa006ba9208500b2930ce69cbde436c647afa917cb739…"),
    ),
    wrong(
        "manifest",
        "a size that is too large",
        result(GOOD, 6),
        (
            "size_mismatch artifact 'result.txt' has 5 bytes, expected 6 as the manifest claims; run `wc "
            "-c` and `sha256sum` on it, correct size and checksum, and hand in the manifest again"
        ),
    ),
    wrong(
        "manifest",
        "a size of 0",
        result(GOOD, 0),
        (
            "size_mismatch artifact 'result.txt' has 5 bytes, expected 0 as the manifest claims; run `wc "
            "-c` and `sha256sum` on it, correct size and checksum, and hand in the manifest again"
        ),
    ),
    wrong(
        "manifest",
        "size and checksum wrong",
        result(OTHER, 6),
        (
            "size_mismatch artifact 'result.txt' has 5 bytes, expected 6 as the manifest claims; run `wc "
            "-c` and `sha256sum` on it, correct size and checksum, and hand in the manifest again"
        ),
    ),
    wrong(
        "manifest",
        "the size of a true file that is true",
        result(GOOD, "true"),
        "schema 4:44 artifacts.0.size_bytes: expected a whole number without quotes, found true",
    ),
    wrong(
        "manifest",
        "a size in quotes",
        result(GOOD, "'5'"),
        "schema 4:44 artifacts.0.size_bytes: expected a whole number without quotes, found '5'",
    ),
    wrong(
        "manifest",
        "a size of 5.0",
        result(GOOD, "5.0"),
        "schema 4:44 artifacts.0.size_bytes: expected a whole number without quotes, found 5.0",
    ),
    wrong(
        "manifest",
        "a size of 5 kB",
        result(GOOD, "5kB"),
        "schema 4:44 artifacts.0.size_bytes: expected a whole number without quotes, found '5kB'",
    ),
    wrong(
        "manifest", "a size of -5", result(GOOD, -5), "schema 4:44 artifacts.0.size_bytes: must be at least 0, found -5"
    ),
    wrong(
        "manifest",
        "a size of 10**18",
        result(GOOD, 10**18),
        (
            "size_mismatch artifact 'result.txt' has 5 bytes, expected 1000000000000000000 as the manifest "
            "claims; run `wc -c` and `sha256sum` on it, correct size and checksum, and hand in the manifest "
            "again"
        ),
    ),
    wrong(
        "manifest",
        "a size of 4,000 digits",
        result(GOOD, "9" * 4000),
        (
            "schema 4:44 artifacts.0.size_bytes: must be less than 9223372036854775808, found "
            "99999999999999999999999999999999999999999999999999999999999…"
        ),
    ),
    wrong(
        "manifest",
        "no size",
        MANIFEST + f"artifacts: [{{path: result.txt, checksum: {GOOD}}}]\n" + MET,
        "schema 4:13 artifacts.0.size_bytes: missing; add it",
    ),
    wrong(
        "manifest",
        "no path",
        MANIFEST + f"artifacts: [{{size_bytes: 5, checksum: {GOOD}}}]\n" + MET,
        "schema 4:13 artifacts.0.path: missing; add it",
    ),
    wrong("manifest", "a blank path", result(GOOD, path="''"), "schema 4:20 artifacts.0.path: must not be empty"),
    wrong(
        "manifest",
        "a path to nothing",
        result(GOOD, path="nowhere.txt"),
        (
            "missing_artifact artifact 'nowhere.txt' is in none of '/Agent_Memory/inst_1/outputs', "
            "'/Agent_Memory/inst_1/outputs/partial/t1', ''; write the file or correct its path, and hand in "
            "the manifest again"
        ),
    ),
    taken(
        "manifest",
        "the same artifact twice",
        MANIFEST
        + f"artifacts:\n{f'  - {{path: result.txt, size_bytes: 5, checksum: {GOOD}}}' + chr(10)}" * 1
        + f"  - {{path: result.txt, size_bytes: 5, checksum: {GOOD}}}\n"
        + MET,
    ),
    taken(
        "manifest",
        "the same artifact twice, under two names",
        MANIFEST + f"artifacts:\n  - {{path: result.txt, size_bytes: 5, checksum: {GOOD}}}\n"
        f"  - {{path: ./result.txt, size_bytes: 5, checksum: {GOOD}}}\n" + MET,
    ),
]
