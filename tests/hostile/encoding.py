"""Bytes that are no UTF-8: C70 of the fault catalogue."""

from tests.hostile.case import MANIFEST, REPLY, TASK, taken, wrong

_TASK = TASK.encode()

MARKS = [
    taken("task", "a byte order mark", b"\xef\xbb\xbf" + _TASK),
    taken("task", "two byte order marks", b"\xef\xbb\xbf" * 2 + _TASK),
    wrong(
        "task",
        "a byte order mark inside",
        b"task_id: new\n\xef\xbb\xbfdescription: Do it\n",
        "unparsable 2:1 a byte order mark (U+FEFF) inside the file; remove it",
    ),
    wrong(
        "task",
        "UTF-16 with its mark",
        TASK.encode("utf-16"),
        "unparsable 1:1 this file is in UTF-16 or UTF-32; save it as UTF-8",
    ),
    wrong(
        "task",
        "UTF-16, little end first, without a mark",
        TASK.encode("utf-16-le"),
        "unparsable 1:1 this file is in UTF-16 or UTF-32; save it as UTF-8",
    ),
    wrong(
        "task",
        "UTF-16, big end first, without a mark",
        TASK.encode("utf-16-be"),
        "unparsable 1:1 this file is in UTF-16 or UTF-32; save it as UTF-8",
    ),
    wrong("task", "UTF-32", TASK.encode("utf-32"), "unparsable 1:1 this file is in UTF-16 or UTF-32; save it as UTF-8"),
    wrong(
        "config",
        "UTF-16",
        "settle_seconds: 3\n".encode("utf-16"),
        "unparsable 1:1 this file is in UTF-16 or UTF-32; save it as UTF-8",
    ),
    wrong(
        "response",
        "UTF-16",
        REPLY.encode("utf-16"),
        "unparsable 1:1 this file is in UTF-16 or UTF-32; save it as UTF-8",
    ),
]

BYTES = [
    wrong(
        "task",
        "Latin-1",
        _TASK + b"detailed_prompt: caf\xe9\n",
        "unparsable 3:21 not UTF-8: byte 0xe9 at offset 52; save the file as UTF-8",
    ),
    wrong(
        "task",
        "Windows-1252 quotes",
        _TASK + b"detailed_prompt: \x93now\x94\n",
        "unparsable 3:18 not UTF-8: byte 0x93 at offset 49; save the file as UTF-8",
    ),
    wrong(
        "task",
        "Shift JIS",
        _TASK + b"detailed_prompt: \x83e\x83X\x83g\n",
        "unparsable 3:18 not UTF-8: byte 0x83 at offset 49; save the file as UTF-8",
    ),
    wrong(
        "task",
        "a truncated letter at the end",
        _TASK + b"detailed_prompt: caf\xc3",
        "unparsable 3:21 not UTF-8: byte 0xc3 at offset 52; save the file as UTF-8",
    ),
    wrong(
        "task",
        "an overlong slash",
        _TASK + b"detailed_prompt: \xc0\xaf\n",
        "unparsable 3:18 not UTF-8: byte 0xc0 at offset 49; save the file as UTF-8",
    ),
    wrong(
        "task",
        "half a surrogate pair",
        _TASK + b"detailed_prompt: \xed\xa0\x80\n",
        "unparsable 3:18 not UTF-8: byte 0xed at offset 49; save the file as UTF-8",
    ),
    wrong(
        "task",
        "a letter beyond Unicode",
        _TASK + b"detailed_prompt: \xf4\x90\x80\x80\n",
        "unparsable 3:18 not UTF-8: byte 0xf4 at offset 49; save the file as UTF-8",
    ),
    wrong(
        "task",
        "compressed",
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03+I,\xce\x8eO",
        "unparsable 1:4 a NUL byte at offset 3, and 5 more; remove it, or write the file anew",
    ),
    wrong(
        "task",
        "a program",
        b"\x7fELF\x02\x01\x01\x00" + bytes(8),
        "unparsable 1:8 a NUL byte at offset 7, and 8 more; remove it, or write the file anew",
    ),
    wrong(
        "task",
        "a NUL",
        b"task_id: ne\0w\ndescription: Do it\n",
        "unparsable 1:12 a NUL byte at offset 11; remove it, or write the file anew",
    ),
    wrong(
        "task",
        "NULs at the end, as after a power cut",
        _TASK + bytes(4096),
        "unparsable 3:1 a NUL byte at offset 32, and 4095 more; remove it, or write the file anew",
    ),
    wrong(
        "task",
        "nothing but NULs",
        bytes(4096),
        "unparsable 1:1 4096 NUL bytes and nothing else, as after a power cut; write the file anew",
    ),
    wrong(
        "heartbeat",
        "nothing but NULs",
        bytes(512),
        "unparsable 1:1 512 NUL bytes and nothing else, as after a power cut; write the file anew",
    ),
    wrong(
        "manifest",
        "NULs at the end",
        MANIFEST.encode() + bytes(100),
        "unparsable 4:1 a NUL byte at offset 44, and 99 more; remove it, or write the file anew",
    ),
]

CASES = [*MARKS, *BYTES]
