# Sourced by the commands beside it. Makes .venv, and installs what the named requirement files list when they changed.

say() { printf '%s\n' "$*" >&2; }

find_python() {
  local name
  for name in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
    if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  say "Python 3.11 or newer is needed, and none was found. Set PYTHON to its path."
  return 1
}

environment() {
  local python wanted stamp files=() file
  if ! .venv/bin/python -c '' 2>/dev/null; then
    python=$(find_python)
    say "Making .venv with $("$python" --version) …"
    "$python" -m venv --clear .venv || { say "The venv module is missing. On Debian: apt install python3-venv"; return 1; }
  fi
  # An included file (-r) counts as well, so all requirement files are hashed; a stamp for each set that was asked for.
  wanted=$(cat requirements*.txt examples/requirements.txt 2>/dev/null | .venv/bin/python -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
  stamp=".venv/installed-$(printf '%s' "$*" | tr -c 'a-z0-9' '-')"
  if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then return; fi
  for file in "$@"; do files+=(-r "$file"); done
  say "Installing $* …"
  .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-input "${files[@]}" </dev/null
  printf '%s' "$wanted" >"$stamp"
}
