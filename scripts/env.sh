# Sourced by scripts/run and scripts/test: makes .venv once, again only when what it is made from has changed.
# Needs Python 3.11 or newer with venv; uses uv where it is there, because it is faster.
cd "$(dirname "$0")/.." || exit 1
root=$(pwd)

find_python() {
    for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3 python; do
        [ -n "$candidate" ] || continue
        command -v "$candidate" >/dev/null 2>&1 || continue
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            echo "$candidate"
            return 0
        fi
    done
    echo "cagents-fs needs Python 3.11 or newer with venv (Debian: apt-get install python3 python3-venv)" >&2
    return 1
}

stamp=$(cat pyproject.toml constraints.txt scripts/env.sh | cksum)
if [ "$(cat .venv/cagents-stamp 2>/dev/null)" != "$stamp" ]; then
    echo "setting up $root/.venv (once; a minute or so)" >&2
    python=$(find_python) || exit 1
    rm -rf .venv
    if command -v uv >/dev/null 2>&1 && uv venv -q --python "$python" .venv 2>/dev/null; then
        uv pip install -q --python .venv/bin/python -c constraints.txt -e '.[test]' || exit 1
    else
        "$python" -m venv .venv || exit 1
        .venv/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[test]' || exit 1
    fi
    echo "$stamp" >.venv/cagents-stamp
fi
